#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../detail/macros.hpp"
#include "../../sync/sections.hpp"
#include "alarm.hpp"

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace keel::detail {

/// Lets an attempt be cancelled from any thread. Asio wants a cancellation not to overlap with the coroutine that it is
/// for, and leaves that to strands. Here the coroutine runs in `sections`, whose act is the cancellation.
///
/// Counts its owners, for executors may outlive the attempt. Lets go of the executor below when there are none left:
/// the caller's cancellation signal, which only watches it, may outlive even the context. Then it goes back to a pool.
class gate {
  public:
    gate() = default;
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;

    /// Does nothing once the gate is closed.
    void cancel(boost::asio::cancellation_type_t type) noexcept { cancel(false, type); }
    void cancel_at_deadline() noexcept { cancel(true, boost::asio::cancellation_type::all); }
    /// Its first section will do no more than leave.
    void opened() noexcept { sections_.open(); }
    /// No cancellation begins from now on, and none runs but on this thread.
    void close() noexcept {
        sections_.close();
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
    /// Whether its deadline has come before it was closed.
    bool was_late() const noexcept { return sections_.was_noted(); }

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
        bool operator==(const allocator<Other>& other) const noexcept {
            return of_ == other.of_;
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
            gate_->sections_.enter();
        }
        section(const section&) = delete;
        section& operator=(const section&) = delete;
        ~section() { gate_->sections_.leave(emission{*gate_}); }

      private:
        ref gate_;
    };

  private:
    struct emission {
        gate& of;
        void operator()() const noexcept {
            of.signal_.emit(static_cast<boost::asio::cancellation_type_t>(of.types_.load(std::memory_order_relaxed)));
        }
    };

    void cancel(bool at_deadline, boost::asio::cancellation_type_t type) noexcept {
        types_.fetch_or(static_cast<unsigned>(type), std::memory_order_relaxed);
        sections_.want(at_deadline, emission{*this});
    }

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
        g->sections_.reset();
        g->owners_.store(1, std::memory_order_relaxed);
        g->watchers_.store(1, std::memory_order_relaxed);
        for (auto& place : pool) {
            gate* none = nullptr;
            if (place.compare_exchange_strong(none, g, std::memory_order_release, std::memory_order_relaxed)) return;
        }
        delete g;
    }
    // As many as are kept for the next attempts. Not destroyed: attempts may end after other static objects have.
    KEEL_PROCESS_WIDE static inline constinit std::atomic<gate*> pool[64]{};

    sections<> sections_;
    std::atomic<std::uint32_t> owners_{1};
    std::atomic<std::uint32_t> watchers_{1}; ///< all owners together are one
    std::atomic<unsigned> types_{0};         ///< of all cancellations so far
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

} // namespace keel::detail
