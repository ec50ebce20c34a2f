#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/macros.hpp"

#include <atomic>
#include <cstdint>
#include <thread>

namespace keel {
namespace detail {
/// Its address tells threads apart.
KEEL_THREAD_LOCAL char mark_of_thread = 0;
} // namespace detail

/// As `std_atomics`, for those that wait for one another.
struct waiting_atomics {
    template <class T>
    using atomic = std::atomic<T>;
    static void yield() noexcept { std::this_thread::yield(); }
    /// Of the calling thread alone, as long as it runs; never 0.
    static std::uintptr_t this_thread() noexcept { return reinterpret_cast<std::uintptr_t>(&detail::mark_of_thread); }
};

/// Keeps an act apart from sections, of which any number may run at the same time: no section of another thread runs
/// while the act does, and whatever wants the act is followed by an act that begins later. One act runs at a time.
///
/// Nobody waits for the end of a section: the act is then its last section's to do. A section that begins waits for the
/// end of an act, unless that runs on the same thread.
///
/// `act()` must not throw. It may run sections, and want another act. All members are thread-safe.
template <class Atomics = waiting_atomics>
class sections {
  public:
    void enter() noexcept {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        for (;;) {
            if (is_another_acting(now)) {
                Atomics::yield();
                now = state_.load(std::memory_order_relaxed);
            } else if (state_.compare_exchange_weak(now, now + one_section, std::memory_order_acquire,
                                                    std::memory_order_relaxed)) {
                return;
            }
        }
    }
    template <class Act>
    void leave(const Act& act) noexcept {
        change([](std::uint32_t now) { return now - one_section; }, act);
    }
    /// Does nothing once they are closed. `was_noted` is true from now on if it `is_noted`.
    template <class Act>
    void want(bool is_noted, const Act& act) noexcept {
        change([=](std::uint32_t now) { return now | wanted | (is_noted ? noted : 0U); }, act, closed);
    }

    /// By the first section, once: it will do no more than leave.
    void open() noexcept { state_.fetch_and(~opening, std::memory_order_release); }
    /// No act begins from now on. Waits until they are open; and outside of a section, for the end of an act.
    void close() noexcept {
        std::uint32_t now = state_.fetch_or(closed, std::memory_order_acquire);
        while ((now & opening) != 0 || is_another_acting(now)) {
            Atomics::yield();
            now = state_.load(std::memory_order_acquire);
        }
    }
    bool was_noted() const noexcept { return (state_.load(std::memory_order_relaxed) & noted) != 0; }
    /// As after construction. Only while nobody else uses it.
    void reset() noexcept { state_.store(opening, std::memory_order_relaxed); }

  private:
    static constexpr std::uint32_t wanted = 1;
    static constexpr std::uint32_t noted = 2;
    static constexpr std::uint32_t acting = 4;
    static constexpr std::uint32_t closed = 8;
    static constexpr std::uint32_t opening = 16;
    static constexpr std::uint32_t one_section = 32;

    bool is_another_acting(std::uint32_t state) const noexcept {
        return (state & acting) != 0 && actor_.load(std::memory_order_relaxed) != Atomics::this_thread();
    }
    static bool may_act(std::uint32_t state) noexcept {
        return state < one_section && (state & (wanted | acting | closed)) == wanted;
    }
    /// Once a bit of `too_late` is set it does nothing.
    template <class By, class Act>
    void change(By by, const Act& act, std::uint32_t too_late = 0) noexcept {
        const auto end_act = [](std::uint32_t now) { return now - acting; };
        for (bool acts = is_mine_after(by, too_late); acts; acts = is_mine_after(end_act, 0)) {
            actor_.store(Atomics::this_thread(), std::memory_order_relaxed);
            act();
            actor_.store(0, std::memory_order_relaxed);
        }
    }
    /// Whether the act is the caller's to do.
    template <class By>
    bool is_mine_after(By by, std::uint32_t too_late) noexcept {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        std::uint32_t next = 0;
        bool acts = false;
        do {
            if ((now & too_late) != 0) return false;
            // Stored even if it is what was there: what the caller has done is to be seen by the act.
            const std::uint32_t changed = by(now);
            acts = may_act(changed);
            next = acts ? changed - wanted + acting : changed;
        } while (!state_.compare_exchange_weak(now, next, std::memory_order_acq_rel, std::memory_order_relaxed));
        return acts;
    }

    typename Atomics::template atomic<std::uint32_t> state_{opening}; ///< the sections that run, and the bits above
    typename Atomics::template atomic<std::uintptr_t> actor_{0};
};

} // namespace keel
