#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "story.hpp"

#include <keel/circuit_stats.hpp>
#include <keel/detail/circuit_word.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>

namespace drivers {

// What a policy has counted, in words: figures that are 0 are left out.

class account {
  public:
    account& add(std::uint64_t n, const char* what) {
        if (n != 0) said(std::to_string(n) + " " + what);
        return *this;
    }
    void said(const std::string& words) { text_ += (text_.empty() ? "" : ", ") + words; }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

/// A time, or a length of it: in milliseconds if it is a whole number of them.
std::string text_of(time);

/// Each state that it has been in with the time at which it got there; then what it has counted.
std::string account_of_circuit(const keel::circuit_log&, const keel::circuit_stats&, bool counts_successes);

/// Told apart by what they have.
template <class Policy, class State>
std::string account_of([[maybe_unused]] const Policy& policy, [[maybe_unused]] State& state) {
    account a;
    if constexpr (requires { state.circuit; }) {
        using window = typename std::remove_cvref_t<decltype(state.circuit)>::window_type;
        return account_of_circuit(state.circuit.log(), state.circuit.stats(), window::by_rate);
    } else if constexpr (requires { state.latency(); }) {
        a.said("limit " + std::to_string(state.limit()));
        a.add(state.in_flight(), "inside");
        if (state.latency().count != 0) a.said("latency " + text_of(state.latency()));
    } else if constexpr (requires { state.waiting(); }) {
        a.add(state.in_flight(), "inside").add(state.waiting(), "waiting");
    } else if constexpr (requires { state.available(); }) {
        a.said(std::to_string(state.available()) + " permits");
    } else if constexpr (requires { state.stats().probability; }) {
        const auto s = state.stats();
        a.add(s.accepts, "accepted").add(s.requests - s.accepts, "not accepted");
        a.add(static_cast<std::uint64_t>(std::llround(s.probability * 1000)), "in 1000 are left out");
    } else if constexpr (requires { state.injected(); }) {
        a.add(state.injected(), "injected");
    } else if constexpr (requires { policy.budget.of(state); }) {
        if (auto* const b = policy.budget.of(state))
            a.said(std::to_string(std::llround(b->tokens() * 1000)) + "/1000 tokens");
    } else if constexpr (requires { state.account(); }) {
        a.said(state.account());
    }
    return a.text();
}

} // namespace drivers
