#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "alarm.hpp"

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// Who has cancelled an attempt.
enum class canceller : std::uint32_t { deadline = 1, caller = 2, winner = 4 };

/// Lets an attempt be cancelled from any thread. Asio wants a cancellation not to overlap with the coroutine that it is
/// for, and leaves that to strands. Here the coroutine runs in sections: a cancellation waits for the end of the
/// section, where the section performs it; and a section that begins meanwhile waits for the end of the cancellation,
/// which is short. Sections do not wait for one another.
///
/// Counts its owners, for executors may outlive the attempt. Lets go of the executor below when there are none left:
/// the caller's cancellation signal, which only watches it, may outlive even the context. Then it goes back to a pool.
class gate {
  public:
    gate() = default;
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;

    void enter() noexcept {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        for (;;) {
            if ((now & performing) != 0 && performer_.load(std::memory_order_relaxed) != this_thread()) {
                std::this_thread::yield();
                now = state_.load(std::memory_order_relaxed);
            } else if (state_.compare_exchange_weak(now, now + one_section, std::memory_order_acquire)) {
                return;
            }
        }
    }
    void leave() noexcept {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        for (;;) {
            const std::uint32_t without = now - one_section;
            const std::uint32_t next = may_perform(without) ? without - wanted + performing : without;
            if (!state_.compare_exchange_weak(now, next, std::memory_order_acq_rel)) continue;
            if (next != without) perform();
            return;
        }
    }
    /// Does nothing once the gate is closed.
    void cancel(canceller by, boost::asio::cancellation_type_t type) noexcept {
        types_.fetch_or(static_cast<unsigned>(type), std::memory_order_relaxed);
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        for (;;) {
            if ((now & closed) != 0) return;
            const std::uint32_t asked = now | wanted | static_cast<std::uint32_t>(by);
            const std::uint32_t next = may_perform(asked) ? asked - wanted + performing : asked;
            if (!state_.compare_exchange_weak(now, next, std::memory_order_acq_rel)) continue;
            if (next != asked) perform();
            return;
        }
    }

    /// Its first section will do no more than leave.
    void opened() noexcept { state_.fetch_and(~opening, std::memory_order_release); }
    /// Within a section: no cancellation begins from now on.
    void close() noexcept {
        while ((state_.fetch_or(closed, std::memory_order_acq_rel) & opening) != 0)
            std::this_thread::yield();
        deadline_.stop();
        if (const unsigned before = work_.fetch_or(outlives, std::memory_order_acq_rel); before >= one_work) hold(1);
    }

    /// Somebody counts on the context to run: it does so as long as the attempt, and afterwards for this.
    void begin_work() noexcept {
        if (work_.fetch_add(one_work, std::memory_order_acq_rel) == outlives) hold(1);
    }
    void end_work() noexcept {
        if (work_.fetch_sub(one_work, std::memory_order_acq_rel) == outlives + one_work) hold(-1);
    }
    /// Whether `by` has asked for it before it was closed.
    bool was_cancelled(canceller by) const noexcept {
        return (state_.load(std::memory_order_relaxed) & static_cast<std::uint32_t>(by)) != 0;
    }

    /// Only within a section.
    boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }
    const boost::asio::any_io_executor& inner() const noexcept { return inner_; }
    /// Set by its first section, before it is `opened()`.
    alarm& deadline() noexcept { return deadline_; }

    /// The memory for the wait for that alarm. Asio recycles two pieces of memory in a thread, which are others' then.
    template <class T>
    class allocator {
      public:
        using value_type = T;
        explicit allocator(gate& of) noexcept
          : of_(&of) {}
        template <class Other>
        allocator(const allocator<Other>& other) noexcept
          : of_(other.of_) {}

        T* allocate(std::size_t n) {
            if (n > room_for_wait / sizeof(T) || alignof(T) > alignof(std::max_align_t) ||
                std::exchange(of_->is_memory_used_, true))
                return std::allocator<T>().allocate(n);
            return reinterpret_cast<T*>(of_->memory_);
        }
        void deallocate(T* p, std::size_t n) noexcept {
            if (static_cast<void*>(p) == of_->memory_)
                of_->is_memory_used_ = false;
            else
                std::allocator<T>().deallocate(p, n);
        }
        template <class Other>
        friend bool operator==(const allocator& a, const allocator<Other>& b) noexcept {
            return a.of_ == b.of_;
        }

      private:
        template <class>
        friend class allocator;
        gate* of_;
    };

    /// One owner of a gate.
    class ref {
      public:
        ref() = default;
        /// A gate that is open, for what runs on `inner`.
        static ref taken(const boost::asio::any_io_executor& inner) {
            gate* g = nullptr;
            for (auto& place : pool) {
                if (place.load(std::memory_order_relaxed) == nullptr) continue;
                g = place.exchange(nullptr, std::memory_order_acquire);
                if (g != nullptr) break;
            }
            if (g == nullptr) g = new gate;
            g->inner_ = inner;
            return ref(g);
        }
        ref(const ref& other) noexcept
          : gate_(other.gate_) {
            if (gate_ != nullptr) gate_->owners_.fetch_add(1, std::memory_order_relaxed);
        }
        ref(ref&& from) noexcept
          : gate_(std::exchange(from.gate_, nullptr)) {}
        ref& operator=(ref from) noexcept {
            std::swap(gate_, from.gate_);
            return *this;
        }
        ~ref() {
            if (gate_ != nullptr && gate_->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) retire(gate_);
        }
        gate* operator->() const noexcept { return gate_; }
        gate& operator*() const noexcept { return *gate_; }
        explicit operator bool() const noexcept { return gate_ != nullptr; }
        friend bool operator==(const ref&, const ref&) = default;

      private:
        explicit ref(gate* g) noexcept
          : gate_(g) {}
        gate* gate_ = nullptr;
    };

    /// Can only cancel, and keeps nothing but the memory of the gate.
    class watcher {
      public:
        explicit watcher(const ref& of) noexcept
          : watcher(*of) {}
        watcher(const watcher& other) noexcept
          : watcher(other.gate_) {}
        watcher& operator=(const watcher&) = delete;
        ~watcher() { end_watch(&gate_); }

        gate* operator->() const noexcept { return &gate_; }

      private:
        explicit watcher(gate& of) noexcept
          : gate_(of) {
            gate_.watchers_.fetch_add(1, std::memory_order_relaxed);
        }
        gate& gate_;
    };

    /// From when it begins until it ends, a coroutine may run.
    class section {
      public:
        explicit section(ref through) noexcept
          : gate_(std::move(through)) {
            gate_->enter();
        }
        section(const section&) = delete;
        section& operator=(const section&) = delete;
        ~section() { gate_->leave(); }

      private:
        ref gate_;
    };

  private:
    static constexpr unsigned outlives = 1;
    static constexpr unsigned one_work = 2;

    // Threads may come here in another order than they have counted. What goes is destroyed without the lock: it may be
    // the work of an attempt around this one.
    void hold(int more) noexcept {
        boost::asio::any_io_executor other;
        if (more > 0) other = boost::asio::prefer(inner_, boost::asio::execution::outstanding_work.tracked);
        const std::scoped_lock lock(held_mutex_);
        held_ += more;
        if (held_ == (more > 0 ? 1 : 0)) std::swap(held_work_, other);
    }

    static constexpr std::size_t room_for_wait = 256;
    static constexpr std::uint32_t wanted = 8;
    static constexpr std::uint32_t performing = 16;
    static constexpr std::uint32_t closed = 32;
    static constexpr std::uint32_t opening = 64;
    static constexpr std::uint32_t one_section = 128;

    static bool may_perform(std::uint32_t state) noexcept {
        return state < one_section && (state & (wanted | performing | closed)) == wanted;
    }
    void perform() noexcept {
        performer_.store(this_thread(), std::memory_order_relaxed);
        for (;;) {
            signal_.emit(static_cast<boost::asio::cancellation_type_t>(types_.load(std::memory_order_relaxed)));
            std::uint32_t now = state_.load(std::memory_order_relaxed);
            std::uint32_t next;
            do {
                const std::uint32_t without = now - performing;
                next = may_perform(without) ? without - wanted + performing : without;
                if (next == without) performer_.store(nullptr, std::memory_order_relaxed);
            } while (!state_.compare_exchange_weak(now, next, std::memory_order_acq_rel));
            if ((next & performing) == 0) return;
            performer_.store(this_thread(), std::memory_order_relaxed);
        }
    }
    static const void* this_thread() noexcept {
        static thread_local const char one = 0;
        return &one;
    }

    static void retire(gate* g) noexcept {
        g->signal_.slot().clear();
        g->inner_ = nullptr;
        end_watch(g);
    }
    static void end_watch(gate* g) noexcept {
        if (g->watchers_.fetch_sub(1, std::memory_order_acq_rel) == 1) give_back(g);
    }
    static void give_back(gate* g) noexcept {
        g->types_.store(0, std::memory_order_relaxed);
        g->work_.store(0, std::memory_order_relaxed);
        g->state_.store(opening, std::memory_order_relaxed);
        g->owners_.store(1, std::memory_order_relaxed);
        g->watchers_.store(1, std::memory_order_relaxed);
        for (auto& place : pool) {
            gate* none = nullptr;
            if (place.compare_exchange_strong(none, g, std::memory_order_release, std::memory_order_relaxed)) return;
        }
        delete g;
    }
    // As many as are kept for the next attempts. Not destroyed: attempts may end after other static objects have.
    static inline constinit std::atomic<gate*> pool[64]{};

    std::atomic<std::uint32_t> state_{opening}; ///< sections that run, and the bits above
    std::atomic<std::uint32_t> owners_{1};
    std::atomic<std::uint32_t> watchers_{1}; ///< all owners together are one
    std::atomic<unsigned> types_{0};
    std::atomic<const void*> performer_{nullptr};
    boost::asio::cancellation_signal signal_;
    boost::asio::any_io_executor inner_;
    std::atomic<unsigned> work_{0}; ///< how often it is counted on, and whether the attempt has ended
    std::mutex held_mutex_;
    int held_ = 0;
    boost::asio::any_io_executor held_work_;
    alarm deadline_;
    bool is_memory_used_ = false;
    alignas(std::max_align_t) std::byte memory_[room_for_wait];
};

/// Runs functions on the executor that a gate is for, each as a section of that gate.
class section_executor {
  public:
    explicit section_executor(gate::ref through) noexcept
      : gate_(std::move(through)) {}
    section_executor(const section_executor& other) noexcept
      : section_executor(other, other.never_blocks_, other.is_work_) {}
    section_executor(section_executor&& from) noexcept
      : gate_(std::move(from.gate_))
      , never_blocks_(from.never_blocks_)
      , is_work_(std::exchange(from.is_work_, false)) {}
    section_executor& operator=(section_executor from) noexcept {
        std::swap(gate_, from.gate_);
        std::swap(never_blocks_, from.never_blocks_);
        std::swap(is_work_, from.is_work_);
        return *this;
    }
    ~section_executor() {
        if (is_work_) gate_->end_work();
    }

    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept {
        return boost::asio::query(gate_->inner(), boost::asio::execution::context);
    }
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept {
        if (never_blocks_) return boost::asio::execution::blocking.never;
        return boost::asio::execution::blocking.possibly;
    }
    boost::asio::execution::outstanding_work_t query(boost::asio::execution::outstanding_work_t) const noexcept {
        if (is_work_) return boost::asio::execution::outstanding_work.tracked;
        return boost::asio::execution::outstanding_work.untracked;
    }
    section_executor require(boost::asio::execution::blocking_t::never_t) const noexcept {
        return {*this, true, is_work_};
    }
    section_executor require(boost::asio::execution::blocking_t::possibly_t) const noexcept {
        return {*this, false, is_work_};
    }
    section_executor require(boost::asio::execution::outstanding_work_t::tracked_t) const noexcept {
        return {*this, never_blocks_, true};
    }
    section_executor require(boost::asio::execution::outstanding_work_t::untracked_t) const noexcept {
        return {*this, never_blocks_, false};
    }

    template <class F>
    void execute(F&& f) const {
        const auto on = [&](auto property) {
            boost::asio::prefer(gate_->inner(), property).execute(section<std::decay_t<F>>{gate_, std::forward<F>(f)});
        };
        if (never_blocks_)
            on(boost::asio::execution::blocking.never);
        else
            on(boost::asio::execution::blocking.possibly);
    }

    friend bool operator==(const section_executor& a, const section_executor& b) noexcept {
        return a.gate_ == b.gate_ && a.never_blocks_ == b.never_blocks_;
    }

  private:
    template <class F>
    struct section {
        gate::ref through;
        F function;

        void operator()() {
            const gate::section now(through);
            std::move(function)();
        }
    };
    section_executor(const section_executor& other, bool never_blocks, bool is_work) noexcept
      : gate_(other.gate_)
      , never_blocks_(never_blocks)
      , is_work_(is_work) {
        if (is_work_) gate_->begin_work();
    }

    gate::ref gate_;
    bool never_blocks_ = false;
    bool is_work_ = false; ///< whether the context is to run on for this one
};

} // namespace keel::detail
