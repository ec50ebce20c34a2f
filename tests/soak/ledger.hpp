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

/// How the calls of a pipeline have ended, as whoever made them saw it; and its attempts, as the function did.
struct ledger {
    using count = std::atomic<std::uint64_t>;

    count calls{0}, succeeded{0}, failed{0}, cancelled{0};
    count destroyed{0}; ///< with the io_context, while they were under way
    std::array<count, 16> rejected{};
    count tried{0}; ///< calls with an attempt at least

    count attempts{0}, answered{0};
    std::atomic<std::int64_t> running{0}, most_running{0};

    std::uint64_t of(keel::errc e) const { return rejected[static_cast<std::size_t>(e)]; }
    std::uint64_t ended() const {
        std::uint64_t all = succeeded + failed + cancelled + destroyed;
        for (const auto& n : rejected)
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
        ++ledger_.calls;
    }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() {
        if (!is_over_) ++ledger_.destroyed;
    }

    /// By the caller, told why it has failed, if it has, and whether somebody has cancelled it.
    void end(std::error_code why, bool was_cancelled) {
        checks_.hold("a call ends once", !is_over_.exchange(true));
        checks_.hold("only who cancels a call is told that it was cancelled",
                     was_cancelled || why != std::errc::operation_canceled);
        if (!why)
            ++ledger_.succeeded;
        else if (why.category() == keel::category())
            ++ledger_.rejected.at(static_cast<std::size_t>(why.value()));
        else
            ++(was_cancelled ? ledger_.cancelled : ledger_.failed);
    }
    std::uint64_t attempts() const noexcept { return attempts_; }

  private:
    friend class attempt;
    ledger& ledger_;
    checks& checks_;
    std::atomic<bool> is_over_{false};
    ledger::count attempts_{0};
};

/// From when the function is invoked until it has ended. May end later than its call, where an io_context is destroyed.
class attempt {
  public:
    explicit attempt(call& of)
      : ledger_(&of.ledger_) {
        of.checks_.hold("a call that has ended makes no attempts", !of.is_over_);
        ledger_->tried += of.attempts_++ == 0;
        ++ledger_->attempts;
        const std::int64_t now = ++ledger_->running;
        std::int64_t most = ledger_->most_running;
        while (now > most && !ledger_->most_running.compare_exchange_weak(most, now)) {
        }
    }
    attempt(attempt&& from) noexcept
      : ledger_(std::exchange(from.ledger_, nullptr)) {}
    attempt& operator=(attempt&&) = delete;
    ~attempt() {
        if (ledger_ != nullptr) --ledger_->running;
    }
    void answered() { ++ledger_->answered; }

  private:
    ledger* ledger_;
};

} // namespace soak
