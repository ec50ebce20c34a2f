// SPDX-License-Identifier: BSL-1.0
// How often a call reads its clock: never for a chain that needs no time, and never twice for one moment.

#include <keel/keel.hpp>

#include <algorithm>
#include <cstdio>
#include <expected>
#include <system_error>

using namespace std::chrono_literals;
using namespace keel;

namespace {

int reads = 0;

struct counting_clock {
    static inline time_point time{};
    static time_point now() noexcept {
        ++reads;
        return time;
    }
    static void sleep_until(time_point t) noexcept { time = std::max(time, t); }
};

int passed = 0, failed = 0;
void expect(const char* what, int wanted) {
    ++(reads == wanted ? passed : failed);
    std::printf("%s %s: %d\n", reads == wanted ? "ok  " : "FAIL", what, reads);
    reads = 0;
}

std::expected<int, std::error_code> succeed() { return 1; }
std::expected<int, std::error_code> fail() { return std::unexpected(make_error_code(std::errc::io_error)); }

// A policy of the user's with both lanes, which says nothing of its needs.
struct counter {
    template <class Clock>
    struct state {
        explicit state(const counter&) {}
        long calls = 0;
    };
    bool fast_admit(auto& s, call&) const noexcept { return ++s.calls, true; }
    bool fast_settle(auto&, call&) const noexcept { return true; }
    admission admit(auto& s, call&, auto&) const { return ++s.calls, proceed; }
    verdict settle(auto&, call&, auto&, outcome&) const { return verdict::keep(); }
};

constexpr auto no_delay = retry<constant>({.attempts = 3, .backoff = {.every = 0ms}});
constexpr auto keeping = timeout({.late_success = late_success::keep});

template <auto Chain>
void expect_healthy(const char* chain, int wanted) {
    static_pipeline<Chain, counting_clock> fixed;
    pipeline stored{Chain, counting_clock{}};
    for (int i = 0; i < 200; ++i) { // the circuit is warm, and this thread has its shard
        static_cast<void>(fixed(succeed));
        static_cast<void>(stored(succeed));
    }
    reads = 0;
    static_cast<void>(fixed(succeed));
    expect(chain, wanted);
    static_cast<void>(stored(succeed));
    expect("  the same, configured at run time", wanted);
    static_cast<void>(fixed([](const context& c) { return std::expected<unsigned, std::error_code>(c.attempt()); }));
    expect("  with a function that takes the context", wanted);
}

} // namespace

int main() {
    expect_healthy<retry<exp_jitter>>("retry<exp_jitter>", 0);
    expect_healthy<retry<exp_jitter> | breaker<sliding_window>>("retry | breaker<sliding_window>", 0);
    expect_healthy<retry<exp_jitter> | breaker<consecutive_failures>>("retry | breaker<consecutive_failures>", 0);
    expect_healthy<counter{} | retry<exp_jitter>>("a policy without needs | retry", 0);
    expect_healthy<breaker<sliding_time_window>>("breaker<sliding_time_window>: after the attempt", 1);
    expect_healthy<keeping>("timeout that keeps late values: at entry", 1);
    expect_healthy<timeout>("timeout: at entry and after the attempt", 2);
    expect_healthy<timeout | timeout(50ms)>("timeout | timeout: shared", 2);
    expect_healthy<timeout | retry<exp_jitter> | breaker<sliding_window>>("timeout | retry | breaker", 2);
    expect_healthy<timeout | breaker<sliding_time_window>>("timeout | breaker<sliding_time_window>: shared", 2);

    static_pipeline<no_delay | breaker<sliding_window>, counting_clock> failing;
    reads = 0;
    static_cast<void>(failing(fail));
    expect("retry | breaker<sliding_window>, three failures: one before each of the two waits", 2);

    static_pipeline<timeout | no_delay, counting_clock> limited;
    static_cast<void>(limited(fail));
    expect("timeout | retry, three failures: at entry, and before and after each of the two waits", 5);

    static_cast<void>(limited([](const context& c) { return c.remaining() > 0ns ? succeed() : fail(); }));
    expect("timeout, and a function that asks what remains: one more", 3);

    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
