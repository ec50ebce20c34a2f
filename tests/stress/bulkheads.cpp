// SPDX-License-Identifier: BSL-1.0
#include "by_threads.hpp"

#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

using namespace std::chrono_literals;

// More threads than permits. Time goes on only by their waiting, so nothing here depends on how fast the machine is.

namespace {

constexpr unsigned threads = 8;

struct yielding_clock {
    keel::manual_clock time;

    keel::time_point now() const noexcept { return time.now(); }
    void sleep_until(keel::time_point t) const noexcept {
        std::this_thread::yield();
        time.sleep_until(t);
    }
};

/// How many are inside, and the most there ever were.
class crowd {
  public:
    void enter() {
        const int now = inside_.fetch_add(1) + 1;
        keel::detail::raise_to(most_, now, std::memory_order_relaxed);
        std::this_thread::yield();
    }
    void leave() { inside_.fetch_sub(1); }
    int most() const { return most_; }

  private:
    std::atomic<int> inside_{0}, most_{0};
};

} // namespace

TEST_CASE("no call that may wait for ever is refused, however many come") {
    for (const int permits : {1, 2, 5}) {
        yielding_clock clock;
        keel::pipeline p{keel::bulkhead({.permits = permits, .max_wait = keel::longest}), clock};
        crowd c;
        std::atomic<int> refused{0};
        by_threads(threads, [&](unsigned) {
            for (int i = 0; i < 500; ++i) {
                const auto r = p.attempt([&] {
                    c.enter();
                    // The first ones stay until somebody has had to wait for them.
                    while (clock.now() == keel::time_point())
                        std::this_thread::yield();
                    c.leave();
                });
                if (!r) ++refused;
            }
        });
        CHECK(refused == 0);
        CHECK(c.most() <= permits);
        CHECK(p.state<0>().in_flight() == 0);
        CHECK(p.state<0>().waiting() == 0);
    }
}

TEST_CASE("what one call with the only permit has done the next one sees") {
    keel::pipeline p{keel::bulkhead({.permits = 1, .max_wait = keel::longest}), yielding_clock{}};
    std::uint64_t unguarded = 0;
    by_threads(threads, [&](unsigned) {
        for (int i = 0; i < 1000; ++i)
            p([&] {
                const std::uint64_t seen = unguarded;
                std::this_thread::yield();
                unguarded = seen + 1;
            });
    });
    CHECK(unguarded == threads * 1000);
}

TEST_CASE("calls that give up, fail or throw leave nothing behind") {
    keel::shared_bulkhead<{.waiters = 4}> shared{{.permits = 3, .max_wait = 200us}};
    yielding_clock clock;
    keel::pipeline patient{keel::through(shared), clock};
    keel::pipeline hurried{keel::timeout(70us) | keel::through(shared), clock};
    crowd c;
    std::atomic<int> ran{0}, refused{0};
    by_threads(threads, [&](unsigned t) {
        std::mt19937_64 random(t + 1);
        for (int i = 0; i < 3000; ++i) {
            const auto work = [&] {
                c.enter();
                if (random() % 4 == 0) clock.time.advance(30us);
                c.leave();
                ++ran;
                if (random() % 4 == 0) throw 1;
            };
            const auto r = random() % 2 == 0 ? patient.attempt(work) : hurried.attempt(work);
            if (!r && r.error() == keel::errc::bulkhead_full) ++refused;
        }
    });
    CHECK(c.most() <= 3);
    CHECK(ran + refused == 3000 * static_cast<int>(threads));
    CHECK(ran > 0);
    CHECK(shared.in_flight() == 0);
    CHECK(shared.waiting() == 0);
    CHECK(patient.attempt([] { return 1; }).has_value());
}
