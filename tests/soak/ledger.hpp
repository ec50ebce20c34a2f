#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/error.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

namespace soak {

/// What must hold, each by its name: passed if it held whenever it was looked at. From any thread.
class checks {
  public:
    void hold(const std::string& name, bool holds) {
        const std::scoped_lock lock(mutex_);
        const auto [at, is_new] = held_.try_emplace(name, holds);
        if (!holds && (is_new || at->second)) std::cout << "FAILED: " << name << std::endl;
        at->second = at->second && holds;
    }
    void equal(const std::string& name, std::uint64_t a, std::uint64_t b) {
        hold(name, a == b);
        if (a != b) std::cout << "    " << name << ": " << a << " and " << b << std::endl;
    }
    void at_most(const std::string& name, double least, double most) {
        hold(name, least <= most);
        if (least > most) std::cout << "    " << name << ": " << least << " and " << most << std::endl;
    }
    /// Prints how many have passed, and returns the status to exit with.
    int end() const {
        std::size_t passed = 0;
        for (const auto& [name, holds] : held_)
            passed += holds;
        std::cout << passed << " passed, " << held_.size() - passed << " failed" << std::endl;
        return passed == held_.size() ? 0 : 1;
    }

  private:
    std::mutex mutex_;
    std::map<std::string, bool> held_;
};

/// Counts, and orders nothing: the sanitizer of threads is to see only what orders the pipelines themselves.
class count {
  public:
    std::uint64_t operator++(int) noexcept { return n_.fetch_add(1, std::memory_order_relaxed); }
    std::uint64_t operator--(int) noexcept { return n_.fetch_sub(1, std::memory_order_relaxed); }
    void raise_to(std::uint64_t least) noexcept {
        std::uint64_t seen = *this;
        while (seen < least && !n_.compare_exchange_weak(seen, least, std::memory_order_relaxed)) {
        }
    }
    operator std::uint64_t() const noexcept { return n_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> n_{0};
};

/// How the calls of a pipeline have ended, as whoever made them saw it; and its attempts, as the function did.
struct ledger {
    count calls, succeeded, failed, cancelled;
    count destroyed; ///< with the io_context, while they were under way
    std::array<count, 16> rejected;
    count tried; ///< calls with an attempt at least

    count attempts, answered, running, most_running;

    count& of(keel::errc e) { return rejected.at(static_cast<std::size_t>(e)); }
    std::uint64_t ended() const {
        std::uint64_t all = succeeded + failed + cancelled + destroyed;
        for (const count& n : rejected)
            all += n;
        return all;
    }
};

/// A call, from when it begins until it ends. Attempts of it may be made in any thread.
class call {
  public:
    call(ledger& of, checks& checked) noexcept
      : ledger_(of)
      , checks_(checked) {
        ledger_.calls++;
    }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() {
        if (ends_ == 0) ledger_.destroyed++;
    }

    /// By the caller, told why it has failed, if it has, and whether somebody has cancelled it.
    void end(std::error_code why, bool was_cancelled) {
        if (ends_++ != 0) checks_.hold(ends_once, false);
        if (why == std::errc::operation_canceled && !was_cancelled) checks_.hold(is_cancelled_by_caller, false);
        if (!why)
            ledger_.succeeded++;
        else if (why.category() == keel::category())
            ledger_.of(static_cast<keel::errc>(why.value()))++;
        else
            (was_cancelled ? ledger_.cancelled : ledger_.failed)++;
    }
    std::uint64_t attempts() const noexcept { return attempts_; }

    /// Looked at in every call, and noted only where it does not hold.
    static void begin_checks(checks& c) {
        for (const char* each : {ends_once, is_cancelled_by_caller, makes_no_late_attempts})
            c.hold(each, true);
    }

  private:
    friend class attempt;
    static constexpr const char* ends_once = "a call ends once";
    static constexpr const char* is_cancelled_by_caller = "only who cancels a call is told that it was cancelled";
    static constexpr const char* makes_no_late_attempts = "a call that has ended makes no attempts";

    ledger& ledger_;
    checks& checks_;
    count ends_, attempts_;
};

/// From when the function is invoked until it has ended. May end later than its call, where an io_context is destroyed.
class attempt {
  public:
    explicit attempt(call& of)
      : ledger_(&of.ledger_) {
        if (of.ends_ != 0) of.checks_.hold(call::makes_no_late_attempts, false);
        if (of.attempts_++ == 0) ledger_->tried++;
        ledger_->attempts++;
        ledger_->most_running.raise_to(ledger_->running++ + 1);
    }
    attempt(attempt&& from) noexcept
      : ledger_(std::exchange(from.ledger_, nullptr)) {}
    attempt& operator=(attempt&&) = delete;
    ~attempt() {
        if (ledger_ != nullptr) ledger_->running--;
    }
    void answered() { ledger_->answered++; }

  private:
    ledger* ledger_;
};

} // namespace soak
