#pragma once
// SPDX-License-Identifier: BSL-1.0

// What people write today, without keel's policies: each object is callable with a function, from any thread.

#include <keel/clock.hpp>
#include <keel/sync/thread_slot.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>

namespace bench {

using std::chrono::steady_clock;

/// As guides show it: one mutex, and a deque of the last 100 results, none older than 10 seconds.
class mutex_deque_breaker {
  public:
    template <class F>
    auto operator()(F&& f) {
        {
            const std::lock_guard lock(mutex_);
            if (open_ && steady_clock::now() - opened_ < std::chrono::seconds(30))
                throw std::runtime_error("circuit open");
        }
        try {
            auto r = f();
            record(true);
            return r;
        } catch (...) {
            record(false);
            throw;
        }
    }

  private:
    struct result {
        steady_clock::time_point at;
        bool ok;
    };

    void record(bool ok) {
        const auto now = steady_clock::now();
        const std::lock_guard lock(mutex_);
        results_.push_back({now, ok});
        failures_ += !ok;
        while (results_.size() > 100 || now - results_.front().at > std::chrono::seconds(10)) {
            failures_ -= !results_.front().ok;
            results_.pop_front();
        }
        open_ = results_.size() >= 20 && 2 * failures_ >= static_cast<int>(results_.size());
        if (open_) opened_ = now;
    }

    std::mutex mutex_;
    std::deque<result> results_;
    int failures_ = 0;
    bool open_ = false;
    steady_clock::time_point opened_;
};

/// The shortest one in guides: one mutex and a count of failures in a row.
class mutex_counter_breaker {
  public:
    template <class F>
    auto operator()(F&& f) {
        {
            const std::lock_guard lock(mutex_);
            if (failures_ >= 5 && steady_clock::now() - opened_ < std::chrono::seconds(30))
                throw std::runtime_error("circuit open");
        }
        try {
            auto r = f();
            const std::lock_guard lock(mutex_);
            failures_ = 0;
            return r;
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (++failures_ >= 5) opened_ = steady_clock::now();
            throw;
        }
    }

  private:
    std::mutex mutex_;
    int failures_ = 0;
    steady_clock::time_point opened_;
};

/// Lock-free: one fetch_add takes a place in a ring of the last 128 results.
class ring_breaker {
  public:
    template <class F>
    auto operator()(F&& f) {
        if (open_until_.load(std::memory_order_relaxed) != 0) [[unlikely]]
            check_open();
        try {
            auto r = f();
            record(false);
            return r;
        } catch (...) {
            record(true);
            throw;
        }
    }

  private:
    static std::int64_t now() { return steady_clock::now().time_since_epoch().count(); }

    [[gnu::noinline, gnu::cold]] void check_open() {
        if (now() < open_until_.load(std::memory_order_relaxed)) throw std::runtime_error("circuit open");
        open_until_.store(0, std::memory_order_relaxed);
    }
    void record(bool failed) {
        auto& place = ring_[next_.fetch_add(1, std::memory_order_relaxed) % ring_.size()];
        const bool before = place.load(std::memory_order_relaxed);
        if (before == failed) return;
        place.store(failed, std::memory_order_relaxed);
        const int failures = failures_.fetch_add(failed ? 1 : -1, std::memory_order_relaxed) + (failed ? 1 : -1);
        if (failures >= 64) open_until_.store(now() + 30'000'000'000, std::memory_order_relaxed);
    }

    alignas(64) std::atomic<std::uint64_t> next_{0};
    alignas(64) std::array<std::atomic<bool>, 128> ring_{};
    alignas(64) std::atomic<int> failures_{0};
    std::atomic<std::int64_t> open_until_{0};
};

/// What the pipeline timeout | retry<exp_jitter> | breaker<sliding_window> does while all is well, in one function
/// written by hand: two readings of the clock, one look at the circuit before and one after, and one count in a cache
/// line of this thread. Failures simply take a mutex, as in guides.
template <class Clock>
class by_hand {
  public:
    /// As one would write it: the attempts are a loop.
    template <class F>
    auto operator()(F&& f) {
        const auto due = clock_.now() + time_limit;
        for (int attempt = 1;; ++attempt) {
            const std::uint64_t seen = circuit_.load(std::memory_order_relaxed);
            if (seen % 2 != 0) [[unlikely]]
                check_open();
            try {
                auto r = f();
                settle(seen, due);
                return r;
            } catch (const late&) {
                throw;
            } catch (...) {
                if (!wait_after_failure(attempt, due)) throw;
            }
        }
    }

    /// As one would write it after a look at the listing: only the first attempt here, all others out of line.
    template <class F>
    auto flat(F f) {
        const auto due = clock_.now() + time_limit;
        const std::uint64_t seen = circuit_.load(std::memory_order_relaxed);
        if (seen % 2 != 0) [[unlikely]]
            check_open();
        auto r = [&] {
            try {
                return f();
            } catch (...) {
                return again(f, due);
            }
        }();
        settle(seen, due);
        return r;
    }

  private:
    static constexpr std::chrono::seconds time_limit{1};

    struct late : std::runtime_error {
        late()
          : std::runtime_error("timed out") {}
    };
    struct alignas(64) shard {
        std::atomic<std::uint64_t> calls{0};
    };

    [[gnu::noinline, gnu::cold]] static void throw_late() { throw late(); }

    [[gnu::always_inline]] void settle(std::uint64_t seen, keel::time_point due) {
        if (circuit_.load(std::memory_order_relaxed) == seen) [[likely]]
            count_call();
        if (clock_.now() > due) [[unlikely]]
            throw_late();
    }
    template <class F>
    [[gnu::noinline, gnu::cold]] std::invoke_result_t<F&> again(F f, keel::time_point due) {
        if (!wait_after_failure(1, due)) throw;
        for (int attempt = 2;; ++attempt) {
            if (circuit_.load(std::memory_order_relaxed) % 2 != 0) check_open();
            try {
                return f();
            } catch (...) {
                if (!wait_after_failure(attempt, due)) throw;
            }
        }
    }

    // The number of the thread is keel's: a thread-local variable with a free number in it is no shorter by hand.
    void count_call() {
        const std::uint32_t slot = keel::thread_slots::current();
        if (slot >= shards_.size()) [[unlikely]]
            return count_elsewhere();
        auto& mine = shards_[slot].calls;
        mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    [[gnu::noinline, gnu::cold]] void count_elsewhere() {
        keel::thread_slots::claim();
        rest_.fetch_add(1, std::memory_order_relaxed);
    }

    [[gnu::noinline, gnu::cold]] void check_open() {
        if (clock_.now() < until_) throw std::runtime_error("circuit open");
        circuit_.fetch_add(1);
    }
    [[gnu::noinline, gnu::cold]] bool wait_after_failure(int attempt, keel::time_point due) {
        {
            const std::lock_guard lock(mutex_);
            count_call();
            if (++failures_ >= 50) {
                failures_ = 0;
                until_ = clock_.now() + std::chrono::seconds(30);
                circuit_.fetch_add(1);
            }
        }
        if (attempt >= 3) return false;
        const auto delay = std::chrono::milliseconds(10 << (attempt - 1)) / 2;
        if (clock_.now() + delay >= due) return false;
        std::this_thread::sleep_for(delay);
        return true;
    }

    std::array<shard, 16> shards_{};
    alignas(64) std::atomic<std::uint64_t> circuit_{0};
    std::atomic<std::uint64_t> rest_{0};
    std::mutex mutex_;
    int failures_ = 0;
    keel::time_point until_;
    Clock clock_;
};

} // namespace bench
