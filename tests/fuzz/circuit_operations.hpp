#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "circuit_setup.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <variant>
#include <vector>

// Further bytes become a sequence of operations.

namespace fuzz {

struct operation {
    enum kind : std::uint8_t {
        ask,        // a call begins, if it is granted
        succeed,    // one that is out ends
        fail,       //
        drop,       //
        pass,       // a call begins and succeeds
        miss,       // a call begins and fails
        wait,       // for `amount`
        to_period,  // until `amount` before or after the end of the open period
        to_lease,   // the same of the lease
        to_slow,    // the same of when one of the calls that are out becomes slow
        to_overdue, // the same of when one of them is found to be overdue
        to_bucket,  // the same of the next bucket's start
        close,      // by hand
        open,       //
        half_open,  //
        force_open, //
        disable,    //
        metrics_only,
        reset,
    };
    kind what = ask;
    std::uint8_t which = 0; // of the calls that are out
    std::uint8_t thread = 0;
    duration amount{};
};

namespace detail {

/// Durations at which this circuit may do something else.
inline std::array<duration, 12> lengths(const setup& s) {
    return std::visit(
        [](const auto& c) -> std::array<duration, 12> {
            const duration slow = c.slow_call.counts() ? duration(c.slow_call.longer_than) : 1us;
            const duration slower = c.window.counts_overdue ? eighth_of(c) : slow + 1ns;
            const duration lease = c.half_open_max_wait < keel::longest ? duration(c.half_open_max_wait) : 1h;
            return {0ns, 1ns, 10ns, bucket_of(c), slow, slower, duration(c.open_for), lease, 1ms, 1s, 1h, 24h * 31};
        },
        s.config);
}

} // namespace detail

/// Two generations pass at most in each.
inline constexpr std::size_t most_operations = 512;

inline std::vector<operation> operations_of(bytes& in, const setup& s) {
    using enum operation::kind;
    // By how often they are wanted.
    static constexpr operation::kind kinds[] = {
        ask,       ask,        ask,          ask,         ask,      ask,       ask,     ask,     succeed,    succeed,
        succeed,   succeed,    fail,         fail,        fail,     fail,      drop,    drop,    pass,       pass,
        pass,      pass,       pass,         pass,        miss,     miss,      miss,    miss,    miss,       miss,
        wait,      wait,       wait,         wait,        wait,     wait,      wait,    wait,    wait,       to_period,
        to_period, to_period,  to_period,    to_lease,    to_lease, to_lease,  to_slow, to_slow, to_overdue, to_overdue,
        to_bucket, to_bucket,  to_bucket,    close,       open,     half_open, reset,   disable, ask,        pass,
        miss,      force_open, metrics_only, metrics_only};
    static_assert(std::size(kinds) == 64);
    const auto lengths = detail::lengths(s);
    std::vector<operation> all;
    while (!in.empty() && all.size() < most_operations) {
        operation o{.what = kinds[in.next() % std::size(kinds)]};
        const unsigned argument = in.next();
        if (o.what == wait)
            o.amount = lengths[argument % lengths.size()] * (1 + argument / lengths.size() % 4);
        else if (o.what >= to_period && o.what <= to_bucket)
            o.amount = duration(static_cast<int>(argument % 3) - 1);
        o.thread = static_cast<std::uint8_t>(argument % 3);
        o.which = static_cast<std::uint8_t>(argument / 3);
        all.push_back(o);
    }
    return all;
}

} // namespace fuzz
