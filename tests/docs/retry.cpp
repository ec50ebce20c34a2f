// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/views.hpp>
#include <keel/keel.hpp>

#include <range/v3/view/take.hpp>

#include <cassert>
#include <chrono>
#include <expected>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;

namespace {
struct io_error : std::runtime_error {
    io_error()
      : std::runtime_error("i/o") {}
};

struct busy : std::runtime_error, keel::retry_after_hint {
    explicit busy(keel::nanos after)
      : std::runtime_error("busy")
      , retry_after_hint(after) {}
};

template <class Policy, class F>
int attempts(const Policy& policy, F fail) {
    keel::manual_clock time; // its sleeps return at once
    keel::pipeline p{policy, time};
    int made = 0;
    static_cast<void>(p.attempt([&] { return ++made, fail(); }));
    return made;
}

constexpr auto five = keel::retry<keel::exp_jitter>({.attempts = 5, .backoff = {.base = 5ms, .cap = 200ms}});
constexpr auto listed = keel::retry_on(keel::schedule{10ms, 50ms, 200ms});

constexpr auto on_io = keel::retry<keel::exp_jitter>.failing_on<io_error>();
constexpr auto on_503 = keel::retry<keel::exp_jitter>.failing_if([](int status) { return status == 503; });

void usage() {
    const auto growing = keel::retry_on(keel::views::delays(keel::fibonacci{.base = 5ms}) | ranges::views::take(4));

    const auto fail = []() -> int { throw io_error(); };
    assert(attempts(five, fail) == 5 && attempts(listed, fail) == 4 && attempts(growing, fail) == 5);
}

void selecting() {
    assert(attempts(on_io, []() -> int { throw io_error(); }) == 3);
    assert(attempts(on_io, []() -> int { throw std::logic_error("a bug stays one"); }) == 1);
    assert(attempts(on_503, [] { return 503; }) == 3);
    assert(attempts(on_503, [] { return 404; }) == 1);
}

void hints() {
    keel::manual_clock time;
    keel::pipeline p{keel::retry<keel::exp_jitter>, time};
    int attempt = 0;
    const int found = p([&] {
        if (++attempt == 1) throw busy(3s);
        return 42;
    });
    assert(found == 42 && time.now() - keel::time_point{} >= 3s);
}

constinit keel::retry_budget to_payments{{.max_tokens = 100, .ratio = 0.1}};

constexpr auto shared = keel::timeout(1s) | keel::retry<keel::exp_jitter>({.attempts = 5, .budget = &to_payments});
constexpr auto own = keel::retry<keel::exp_jitter>.budgeted();
constexpr auto small = keel::retry<keel::exp_jitter>({.attempts = 5}).budgeted({.max_tokens = 10, .ratio = 0.2});

void budgets() {
    const auto fail = []() -> int { throw io_error(); };
    for (int call = 0; call < 10; ++call)
        assert(attempts(shared, fail) == 5);
    assert(to_payments.tokens() == 50); // half of them
    assert(attempts(shared, fail) == 1);
    assert(attempts(own, fail) == 3 && attempts(small, fail) == 5);
}

void nested_calls() {
    keel::manual_clock time;
    keel::pipeline outer{keel::retry<keel::exp_jitter>({.attempts = 3}), time};
    keel::pipeline inner{keel::retry<keel::exp_jitter>({.attempts = 3}), time};
    int made = 0;
    const auto failing = [&]() -> int {
        ++made;
        throw io_error();
    };
    const auto nested = outer.attempt([&](const keel::context& c) { return inner(c, failing); });
    assert(!nested && made == 3); // and not nine
}

void deadline() {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(50ms) | keel::retry_on(keel::schedule{10ms, 40ms, 10ms}), time};
    int made = 0;
    const auto outcome = p([&]() -> std::expected<int, std::error_code> {
        ++made;
        return std::unexpected(make_error_code(std::errc::connection_refused));
    });
    assert(made == 2 && outcome.error() == std::errc::connection_refused); // 10 + 40 ms would reach the deadline
    assert(time.now() - keel::time_point{} == 10ms);
}

void open_circuit() {
    constexpr auto at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}});
    const auto fail = []() -> int { throw io_error(); };
    assert(attempts(keel::retry<keel::exp_jitter> | at_once, fail) == 1); // the circuit opens, and that is the end
}

void repeatable() {
    keel::thread_random().seed(42);
    const auto first = *keel::exp_jitter{}.begin();
    keel::thread_random().seed(42);
    assert(first == *keel::exp_jitter{}.begin());
}
} // namespace

int main() {
    usage();
    selecting();
    hints();
    budgets();
    nested_calls();
    deadline();
    open_circuit();
    repeatable();
}
