// SPDX-License-Identifier: BSL-1.0
#include "by_threads.hpp"

#include <keel/adapt/asio/gate.hpp>

#include <doctest/doctest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/system_executor.hpp>

#include <atomic>
#include <thread>

using boost::asio::cancellation_type;
using boost::asio::cancellation_type_t;
using keel::detail::gate;

namespace {

constexpr unsigned threads = 4;

/// A gate whose cancellations and sections watch one another.
class watched_gate {
  public:
    watched_gate()
      : gate_(gate::ref::taken(boost::asio::system_executor())) {
        const gate::section first(gate_);
        gate_->slot().assign([this](cancellation_type_t t) { perform(t); });
        gate_->opened();
    }

    void cancel() {
        ++asked_;
        gate_->cancel_at_deadline();
    }
    /// The next cancellation asks for another one.
    void cancel_twice() {
        asks_again_ = true;
        cancel();
    }
    template <class Inside>
    void run_section(const Inside& inside) {
        const gate::section now(gate_);
        ++sections_;
        if (performs_) ++overlaps_;
        inside(*gate_);
        if (performs_) ++overlaps_;
        --sections_;
    }
    void run_section() {
        run_section([](gate&) { std::this_thread::yield(); });
    }
    void close() {
        run_section([this](gate& g) {
            g.close();
            is_closed_ = true;
            std::this_thread::yield();
        });
    }

    long asked() const { return asked_; }
    /// How many had been asked for when it was last performed.
    long seen() const { return seen_; }
    long overlaps() const { return overlaps_; }
    long performed_too_late() const { return too_late_; }
    long wrong_types() const { return wrong_types_; }
    bool was_late() const { return gate_->was_late(); }

  private:
    void perform(cancellation_type_t t) {
        if (performs_.exchange(true) || sections_ != 0) ++overlaps_;
        if (is_closed_) ++too_late_;
        if (t != cancellation_type::all) ++wrong_types_;
        seen_ = asked_.load();
        if (asks_again_.exchange(false)) cancel();
        std::this_thread::yield();
        {
            const gate::section nested(gate_); // a coroutine may go on within its cancellation
        }
        if (sections_ != 0) ++overlaps_;
        performs_ = false;
    }

    gate::ref gate_;
    std::atomic<long> asked_{0}, seen_{0}, overlaps_{0}, too_late_{0}, wrong_types_{0};
    std::atomic<int> sections_{0};
    std::atomic<bool> performs_{false}, is_closed_{false}, asks_again_{false};
};

} // namespace

TEST_CASE("a cancellation overlaps no section, and none is lost") {
    for (int round = 0; round < 50; ++round) {
        watched_gate g;
        by_threads(threads, [&](unsigned t) {
            for (int i = 0; i < 200; ++i) {
                if ((static_cast<unsigned>(i) + t) % 3 == 0)
                    g.cancel();
                else
                    g.run_section();
            }
        });
        CHECK(g.overlaps() == 0);
        CHECK(g.seen() == g.asked());
        CHECK(g.asked() > 0);
        CHECK(g.wrong_types() == 0);
        CHECK(g.was_late());
    }
}

TEST_CASE("no cancellation begins once a gate is closed") {
    for (int round = 0; round < 500; ++round) {
        watched_gate g;
        by_threads(threads, [&](unsigned t) {
            for (int i = 0; i < 10; ++i) {
                if (t == 0 && i == 5)
                    g.close();
                else if (t % 2 == 1)
                    g.cancel();
                else
                    g.run_section();
            }
        });
        CHECK(g.overlaps() == 0);
        CHECK(g.performed_too_late() == 0);
        if (g.seen() > 0) CHECK(g.was_late());
        const long seen = g.seen();
        g.cancel();
        g.run_section();
        CHECK(g.seen() == seen);
    }
}

TEST_CASE("a gate that is taken again has forgotten all that was") {
    for (int round = 0; round < 1000; ++round) {
        watched_gate g;
        CHECK(!g.was_late());
        g.run_section();
        CHECK(g.seen() == 0);
        g.run_section([&](gate&) { g.cancel(); });
        CHECK(g.seen() == 1);
        g.cancel_twice();
        CHECK(g.seen() == 3);
        if (round % 2 == 0) g.close();
    }
}

TEST_CASE("a gate opens before it is closed, whichever thread comes first") {
    for (int round = 0; round < 500; ++round) {
        const gate::ref g = gate::ref::taken(boost::asio::system_executor());
        std::atomic<bool> has_opened{false}, was_open{false};
        by_threads(2, [&](unsigned t) {
            const gate::section now(g);
            if (t == 0) {
                std::this_thread::yield();
                has_opened = true;
                g->opened();
            } else {
                g->close();
                was_open = has_opened.load();
            }
        });
        CHECK(was_open);
    }
}
