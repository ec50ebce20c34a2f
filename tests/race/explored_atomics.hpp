#pragma once
// SPDX-License-Identifier: BSL-1.0

// Where code under test takes its atomics, its fences, its thread's slot and its time from, under the explorer.

#include "explorer.hpp"

#include <atomic>
#include <cstdint>
#include <source_location>
#include <string>

namespace race {

/// The result of fetch_add. Where nobody asks for it, two additions can change places unseen.
template <class T>
class fetched {
  public:
    fetched(explorer::location_id at, std::uint64_t value) noexcept
      : at_(at)
      , value_(value) {}
    operator T() const {
        explorer::the().use(at_, value_);
        return static_cast<T>(value_);
    }

  private:
    explorer::location_id at_;
    std::uint64_t value_;
};

/// As std::atomic, as far as keel uses it.
template <class T>
class atomic {
  public:
    atomic(T initial = {})
      : at_(explorer::the().add(static_cast<std::uint64_t>(initial))) {}
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    T load(order o = order::seq_cst, where w = where::current()) const {
        return static_cast<T>(explorer::the().load(at_, o, w));
    }
    void store(T value, order o = order::seq_cst, where w = where::current()) {
        explorer::the().store(at_, static_cast<std::uint64_t>(value), o, w);
    }
    T exchange(T value, order o = order::seq_cst, where w = where::current()) {
        return used(explorer::the().modify(at_, o, w, false, [&](std::uint64_t) { return bits(value); }));
    }
    fetched<T> fetch_add(T by, order o = order::seq_cst, where w = where::current()) {
        const auto add = [&](std::uint64_t v) { return bits(static_cast<T>(static_cast<T>(v) + by)); };
        return {at_, explorer::the().modify(at_, o, w, true, add)};
    }
    T fetch_and(T mask, order o = order::seq_cst, where w = where::current()) {
        return used(explorer::the().modify(at_, o, w, false, [&](std::uint64_t v) { return v & bits(mask); }));
    }
    T fetch_or(T mask, order o = order::seq_cst, where w = where::current()) {
        return used(explorer::the().modify(at_, o, w, false, [&](std::uint64_t v) { return v | bits(mask); }));
    }
    bool compare_exchange_strong(T& expected, T desired, order success, order failure, where w = where::current()) {
        return compare_exchange(expected, desired, success, failure, false, w);
    }
    bool compare_exchange_weak(T& expected, T desired, order success, order failure, where w = where::current()) {
        return compare_exchange(expected, desired, success, failure, true, w);
    }
    bool compare_exchange_strong(T& expected, T desired, order o = order::seq_cst, where w = where::current()) {
        return compare_exchange(expected, desired, o, of_failure(o), false, w);
    }
    bool compare_exchange_weak(T& expected, T desired, order o = order::seq_cst, where w = where::current()) {
        return compare_exchange(expected, desired, o, of_failure(o), true, w);
    }

  private:
    static std::uint64_t bits(T value) noexcept { return static_cast<std::uint64_t>(value); }
    static order of_failure(order o) noexcept {
        return o == order::acq_rel ? order::acquire : o == order::release ? order::relaxed : o;
    }
    T used(std::uint64_t value) {
        explorer::the().use(at_, value);
        return static_cast<T>(value);
    }
    bool compare_exchange(T& expected, T desired, order success, order failure, bool weak, where w) {
        std::uint64_t seen = bits(expected);
        const bool done = explorer::the().compare_exchange(at_, seen, bits(desired), success, failure, weak, w);
        expected = static_cast<T>(seen);
        return done;
    }

    explorer::location_id at_;
};

inline void fence(order o, where w = where::current()) { explorer::the().fence(o, w); }

inline std::int64_t now() { return explorer::the().now(); }
inline void advance(std::int64_t ns) { explorer::the().advance(ns); }
inline void boundary(std::uint64_t result, std::uint64_t held) { explorer::the().boundary(result, held); }
inline void wait(where w = where::current()) { explorer::the().wait(w); }
/// Thread i has slot i; before and after the threads, slot 0.
inline std::uint32_t thread_slot() noexcept {
    return explorer::the().in_thread() ? static_cast<std::uint32_t>(explorer::the().current()) : 0;
}

template <class World>
report explore_one(const limits& l, weakening w, const std::string& script) {
    return explorer::the().explore<World>(l, w, script);
}

} // namespace race
