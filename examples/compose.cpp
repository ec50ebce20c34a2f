// SPDX-License-Identifier: BSL-1.0

// Policies joined by `|` are a chain, the leftmost outermost; a pipeline binds a chain to a state and a clock. The
// order decides what each policy sees.

#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <expected>
#include <system_error>

using namespace std::chrono_literals;
using answer = std::expected<int, std::error_code>;

constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto three_in_a_row = keel::breaker<keel::consecutive_failures>({.window = {.failures = 3}});

// A chain of constants is a template argument: its configuration is checked when this is compiled.
template <auto Chain>
class gateway {
  public:
    explicit gateway(keel::manual_clock time)
      : time_(time)
      , guard_(time) {}

    /// Takes 30 ms and fails; returns how often it was tried.
    int attempts_of_a_failing_call() {
        int attempts = 0;
        static_cast<void>(guard_([&]() -> answer {
            ++attempts;
            time_.advance(30ms);
            return std::unexpected(make_error_code(std::errc::connection_refused));
        }));
        return attempts;
    }
    bool is_open() { return guard_.circuit().state() == keel::circuit_state::open; }

  private:
    keel::manual_clock time_;
    keel::static_pipeline<Chain, keel::manual_clock> guard_;
};

int main() {
    keel::manual_clock time; // its sleeps return at once
    constexpr auto in_total = keel::timeout(50ms) | thrice | three_in_a_row;
    constexpr auto each = thrice | keel::timeout(50ms) | three_in_a_row;
    assert(gateway<in_total>(time).attempts_of_a_failing_call() == 2); // 30, wait 10, 30: past 50
    assert(gateway<each>(time).attempts_of_a_failing_call() == 3);

    gateway<thrice | three_in_a_row> counts_attempts(time);
    gateway<three_in_a_row | thrice> counts_calls(time);
    counts_attempts.attempts_of_a_failing_call();
    counts_calls.attempts_of_a_failing_call();
    assert(counts_attempts.is_open() && !counts_calls.is_open());

    // The same chain with its configuration held at run time.
    keel::pipeline p{in_total, time};
    assert(p([] { return 42; }) == 42);
}
