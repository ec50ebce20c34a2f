#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "circuit_hands.hpp"
#include "circuit_operations.hpp"
#include "circuit_setup.hpp"
#include "support/naive_circuit.hpp"

#include <keel/circuit_stats.hpp>
#include <keel/clock/manual_clock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// keel's circuit and the naive one, to which the same is done.

namespace fuzz::detail {

inline std::string difference_of(const keel::circuit_stats& keels, const keel::circuit_stats& naive) {
    std::string all;
    const auto compare = [&](const char* what, auto one, auto other) {
        if (one != other)
            all += std::string(all.empty() ? "" : ", ") + what + ' ' + std::to_string(one) + " and not " +
                   std::to_string(other);
    };
    if (keels.state != naive.state) all = std::string(name(keels.state)) + " and not " + name(naive.state);
    compare("since", keels.since.time_since_epoch().count(), naive.since.time_since_epoch().count());
    compare("rejected since", keels.rejected, naive.rejected);
    compare("window.calls", keels.window.calls, naive.window.calls);
    compare("window.failed", keels.window.failed, naive.window.failed);
    compare("window.slow", keels.window.slow, naive.window.slow);
    compare("window.slow_failed", keels.window.slow_failed, naive.window.slow_failed);
    // From equal counts, so they must be equal to the last bit.
    compare("failure_rate", keels.failure_rate, naive.failure_rate);
    compare("slow_rate", keels.slow_rate, naive.slow_rate);
    compare("overdue", keels.overdue, naive.overdue);
    compare("totals.calls", keels.totals.calls, naive.totals.calls);
    compare("totals.successes", keels.totals.successes, naive.totals.successes);
    compare("totals.failures", keels.totals.failures, naive.totals.failures);
    compare("totals.ignored", keels.totals.ignored, naive.totals.ignored);
    compare("totals.slow", keels.totals.slow, naive.totals.slow);
    compare("totals.late", keels.totals.late, naive.totals.late);
    compare("totals.rejected", keels.totals.rejected, naive.totals.rejected);
    compare("totals.opens", keels.totals.opens, naive.totals.opens);
    return all;
}

/// The two circuits, side by side.
template <class Hands>
class pair {
  public:
    template <class Config>
    pair(const Config& config, const support::naive_config& naive, const setup& s, std::string* story)
      : clock_(started(s.start))
      , naive_(naive, s.start)
      , keel_(config, clock_)
      , bucket_(bucket_of(config))
      , left_(s.longest_wait)
      , slow_after_(naive.slow_after)
      , threads_(s.express && s.threads)
      , story_(story) {
        in_turns::turn = 0;
        if (s.before_wrap == 0) return;
        for (int i = s.before_wrap; i < Hands::generations; ++i)
            keel_.circuit.close();
        // The naive circuit's do not wrap: it needs no more of them than the log shows.
        for (std::size_t i = 0; i < keel::circuit_log::capacity; ++i)
            naive_.close();
    }

    /// What differs; empty where nothing does.
    std::string run(std::span<const operation> operations) {
        std::string wrong = compare();
        for (const operation& o : operations) {
            if (!wrong.empty()) return wrong;
            wrong = run(o);
            if (wrong.empty()) wrong = compare();
        }
        return wrong.empty() ? compare_logs() : wrong;
    }

  private:
    struct call {
        int number;
        typename Hands::call keels;
        naive_circuit::call naive;
    };

    static keel::manual_clock started(keel::time_point t) {
        keel::manual_clock c;
        c.set(t);
        return c;
    }

    std::string run(const operation& o) {
        using enum operation::kind;
        using ending = naive_circuit::ending;
        if (threads_) in_turns::turn = o.thread;
        switch (o.what) {
        case ask:
            return begin();
        case succeed:
            return end(o, ending::success);
        case fail:
            return end(o, ending::failure);
        case drop:
            return end(o, ending::ignored);
        case pass:
        case miss: {
            const std::size_t before = calls_.size();
            std::string wrong = begin();
            if (calls_.size() > before) end(before, o.what == pass ? ending::success : ending::failure);
            return wrong;
        }
        case wait:
            return advance(o.amount);
        case to_period:
            if (naive_.state() == keel::circuit_state::open) advance(naive_.open_until() + o.amount - naive_.now);
            return "";
        case to_lease:
            if (naive_.state() == keel::circuit_state::half_open) advance(naive_.lease_until() + o.amount - naive_.now);
            return "";
        case to_slow:
            if (slow_after_ && !calls_.empty())
                advance(calls_[o.which % calls_.size()]->naive.began + *slow_after_ + o.amount - naive_.now);
            return "";
        case to_overdue:
            if (slow_after_ && !calls_.empty())
                advance(naive_.overdue_from(calls_[o.which % calls_.size()]->naive) + o.amount - naive_.now);
            return "";
        case to_bucket:
            return advance(bucket_ - naive_.now.time_since_epoch() % bucket_ + o.amount);
        case close:
            return by_hand("close()", [](auto& c) { c.close(); });
        case open:
            return by_hand("open()", [](auto& c) { c.open(); });
        case half_open:
            return by_hand("half_open()", [](auto& c) { c.half_open(); });
        case force_open:
            return by_hand("force_open()", [](auto& c) { c.force_open(); });
        case disable:
            return by_hand("disable()", [](auto& c) { c.disable(); });
        case metrics_only:
            return by_hand("metrics_only()", [](auto& c) { c.metrics_only(); });
        case reset:
            return by_hand("reset()", [](auto& c) { c.reset(); });
        }
        return "";
    }

    std::string begin() {
        auto asked = keel_.ask();
        const int number = asked_++;
        naive_.ask();
        if (const auto* retry_after = std::get_if<duration>(&asked)) {
            tell("call " + std::to_string(number) + " is refused for " + text_of(*retry_after));
            if (!naive_.may_be_refused()) return "refused and not granted";
            return naive_.refuse(*retry_after) ? "" : "refused for " + text_of(*retry_after);
        }
        tell("call " + std::to_string(number) + " is granted" + by_whom());
        if (!naive_.may_be_granted()) return "granted and not refused";
        calls_.emplace_back(new call{number, std::get<typename Hands::call>(std::move(asked)), naive_.grant()});
        return "";
    }

    std::string end(const operation& o, naive_circuit::ending e) {
        if (!calls_.empty()) end(o.which % calls_.size(), e);
        return "";
    }
    void end(std::size_t i, naive_circuit::ending e) {
        constexpr const char* ends[] = {" succeeds", " fails", " is dropped"};
        tell("call " + std::to_string(calls_[i]->number) + ends[static_cast<std::size_t>(e)] + by_whom());
        naive_.end(calls_[i]->naive, e);
        keel_.end(calls_[i]->keels, e);
        std::swap(calls_[i], calls_.back());
        calls_.pop_back();
    }

    std::string advance(duration d) {
        if (d < duration(0) || d > left_ || !naive_.can_tell(naive_.now + d)) return "";
        tell("the clock goes on by " + text_of(d));
        left_ -= d;
        clock_.advance(d);
        naive_.now += d;
        return "";
    }

    template <class Change>
    std::string by_hand(const char* what, Change change) {
        tell(what);
        change(keel_.circuit);
        change(naive_);
        return "";
    }

    std::string compare() const {
        keel::circuit_stats keels = keel_.circuit.stats(), naive = naive_.stats();
        if constexpr (Hands::leaves_out_successes) {
            for (keel::circuit_totals* t : {&keels.totals, &naive.totals})
                t->calls -= std::exchange(t->successes, 0);
        }
        return difference_of(keels, naive);
    }

    std::string compare_logs() const {
        const keel::circuit_log keels = keel_.circuit.log();
        const auto& naive = naive_.log();
        const std::size_t kept = std::min(naive.size(), keel::circuit_log::capacity);
        if (keels.size != kept) return "a log of " + std::to_string(keels.size) + " and not " + std::to_string(kept);
        for (std::size_t i = 0; i < kept; ++i) {
            const keel::circuit_transition &a = keels.entries[i], &b = naive[naive.size() - kept + i];
            if (a.at != b.at || a.from != b.from || a.to != b.to || a.cause != b.cause)
                return std::string("the log says ") + name(a.from) + " to " + name(a.to) + " by " + name(a.cause) +
                       " and not " + name(b.from) + " to " + name(b.to) + " by " + name(b.cause);
        }
        return "";
    }

    std::string by_whom() const { return threads_ ? " on thread " + std::to_string(in_turns::turn) : ""; }
    void tell(const std::string& what) {
        if (story_ != nullptr) *story_ += "  " + what + '\n';
    }

    keel::manual_clock clock_;
    naive_circuit naive_;
    Hands keel_;
    duration bucket_;
    duration left_;
    std::optional<duration> slow_after_;
    bool threads_;
    std::vector<std::unique_ptr<call>> calls_; // permits move, but are not assigned
    int asked_ = 0;
    std::string* story_;
};

} // namespace fuzz::detail
