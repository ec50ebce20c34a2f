// SPDX-License-Identifier: BSL-1.0
// The healthy paths and the refused one, as a user's code would have them: pipelines of static storage, and one that is
// handed over.

#include "hot.hpp"

#include <baselines.hpp>
#include <keel/keel.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <expected>
#include <limits>
#include <new>
#include <system_error>

using namespace std::chrono_literals;

// What the control touches: reached through a call in a shared library, as any thread-local object of its own is.
thread_local int ordinary = 0;

namespace {
constexpr auto chain = keel::timeout(50ms) | keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>;
keel::static_pipeline<chain, keel::cached_clock> fixed;
keel::static_pipeline<keel::timeout(50ms) | keel::breaker<keel::sliding_window>, keel::cached_clock> fixed_once;
keel::static_pipeline<keel::fallback(0) | chain, keel::cached_clock> answering;
constinit std::atomic<bool> drill{false};
keel::static_pipeline<chain | keel::chaos.latency(50ms).fault(), keel::cached_clock> calm;
keel::static_pipeline<chain | keel::chaos({.rate = 0.1, .enabled = &drill}).latency(50ms).fault(), keel::cached_clock>
    switched_off;
keel::static_pipeline<keel::breaker<keel::basic_sliding_window<{.count_overdue = true}>>(
                          {.slow_call = {.longer_than = 24h, .rate = 0.5}}),
                      keel::cached_clock>
    overdue;
keel::pipeline stored{chain, keel::cached_clock{}};
constinit keel::retry_budget budget;
constexpr auto budgeted_chain =
    keel::timeout(50ms) | keel::retry<keel::exp_jitter>({.budget = &budget}) | keel::breaker<keel::sliding_window>;
keel::static_pipeline<budgeted_chain, keel::cached_clock> budgeted;
keel::pipeline budgeted_stored{budgeted_chain, keel::cached_clock{}};
keel::static_pipeline<keel::bulkhead({.permits = 8})> bulkhead;
// Its clock stands still, so all calls come out of one burst.
constexpr int most = std::numeric_limits<int>::max();
keel::static_pipeline<keel::rate_limit({.rate = 1'000'000'000, .burst = most}), keel::cached_clock> rate_limit;
keel::static_pipeline<keel::rate_limit(keel::fixed_window{.limit = 1'000'000'000}), keel::cached_clock> fixed_window;
keel::static_pipeline<keel::limit<keel::gradient>, keel::cached_clock> gradient;
keel::static_pipeline<keel::limit<keel::aimd>, keel::cached_clock> aimd;
keel::static_pipeline<keel::throttle, keel::cached_clock> throttle;
const keel::context around(keel::time_point::max() - 1ns);
keel::static_pipeline<keel::timeout(50ms) | keel::retry<keel::exp_jitter>({.attempts = 1}) |
                          keel::breaker<keel::sliding_window>({.minimum_calls = 1, .open_for = 24h}),
                      keel::cached_clock>
    opened;
[[maybe_unused]] const auto first_failure =
    opened([]() -> std::expected<int, std::error_code> { return std::unexpected(std::error_code()); });
// What stands inside the breaker has permits, which a refused call does not come to.
keel::static_pipeline<keel::breaker<keel::sliding_window>({.minimum_calls = 1, .open_for = 24h}) |
                          keel::bulkhead({.permits = 8}),
                      keel::cached_clock>
    opened_outside;
[[maybe_unused]] const auto first_failure_inside =
    opened_outside([]() -> std::expected<int, std::error_code> { return std::unexpected(std::error_code()); });
bench::by_hand<keel::cached_clock> by_hand;
std::atomic<int> shared_count{0};

// As an event loop has it: the request is kept, and settled in another function.
using ticket = decltype(fixed.begin());
alignas(ticket) std::byte kept[sizeof(ticket)];
[[gnu::noinline]] void settle(ticket& t) {
    t.success();
    t.~ticket();
}

template <class Guard>
int call_through(void* guard, int key) {
    return (*static_cast<Guard*>(guard))([&] { return fetch(key); });
}
} // namespace

extern "C" {
int hot_raw(int key, void*) { return fetch(key); }
int hot_by_hand(int key, void*) {
    return by_hand([&] { return fetch(key); });
}
int hot_flat(int key, void*) {
    return by_hand.flat([&] { return fetch(key); });
}
int hot_flat_value(int key, void*) {
    return by_hand.flat([key] { return fetch(key); });
}
int hot_static(int key, void*) {
    return fixed([&] { return fetch(key); });
}
int hot_static_once(int key, void*) {
    return fixed_once([&] { return fetch(key); });
}
int hot_answering(int key, void*) {
    return answering([&] { return fetch(key); });
}
int hot_calm(int key, void*) {
    return calm([&] { return fetch(key); });
}
int hot_switched_off(int key, void*) {
    return switched_off([&] { return fetch(key); });
}
int hot_static_value(int key, void*) {
    return fixed([key] { return fetch(key); });
}
int hot_stored(int key, void*) {
    return stored([&] { return fetch(key); });
}
int hot_told(int key, void*) {
    return fixed([&](const keel::context& c) { return fetch(key, c); });
}
int hot_told_stored(int key, void*) {
    return stored([&](const keel::context& c) { return fetch(key, c); });
}
int hot_nested(int key, void*) {
    return fixed(around, [&] { return fetch(key); });
}
int hot_budgeted(int key, void*) {
    return budgeted([&] { return fetch(key); });
}
int hot_budgeted_stored(int key, void*) {
    return budgeted_stored([&] { return fetch(key); });
}
int hot_overdue(int key, void*) {
    return overdue([&] { return fetch(key); });
}
int hot_bulkhead(int key, void*) {
    return bulkhead([&] { return fetch(key); });
}
int hot_rate_limit(int key, void*) {
    return rate_limit([&] { return fetch(key); });
}
int hot_fixed_window(int key, void*) {
    return fixed_window([&] { return fetch(key); });
}
int hot_gradient(int key, void*) {
    return gradient([&] { return fetch(key); });
}
int hot_aimd(int key, void*) {
    return aimd([&] { return fetch(key); });
}
int hot_throttle(int key, void*) {
    return throttle([&] { return fetch(key); });
}
int hot_ticket(int key, void*) {
    auto t = fixed.begin();
    if (!t) return -1;
    const int value = fetch(key);
    t.success();
    return value;
}
int hot_ticket_whole(int key, void*) {
    auto t = fixed.begin();
    if (!t) return -static_cast<int>(t.error());
    const int value = fetch(key);
    if (value < 0)
        t.failure();
    else
        t.success();
    return value;
}
int hot_ticket_stored(int key, void*) {
    auto t = stored.begin();
    if (!t) return -1;
    const int value = fetch(key);
    t.success();
    return value;
}
int hot_ticket_nested(int key, void*) {
    auto t = fixed.begin(around);
    if (!t) return -1;
    const int value = fetch(key);
    t.success();
    return value;
}
int hot_ticket_kept(int key, void*) {
    ticket* const t = ::new (static_cast<void*>(kept)) ticket(fixed.begin());
    if (!*t) return -1;
    const int value = fetch(key);
    settle(*t);
    return value;
}
int hot_flat_passed(int key, void* guard) {
    return static_cast<decltype(by_hand)*>(guard)->flat([&] { return fetch(key); });
}
int hot_static_passed(int key, void* guard) { return call_through<decltype(fixed)>(guard, key); }
int hot_stored_passed(int key, void* guard) { return call_through<decltype(stored)>(guard, key); }
int refused(int key, void*) {
    return opened([key]() -> std::expected<int, std::error_code> { return fetch(key); }).has_value();
}
int refused_attempt(int key, void*) {
    return opened.attempt([key] { return fetch(key); }).has_value();
}
int refused_outside(int key, void*) {
    return opened_outside([key]() -> std::expected<int, std::error_code> { return fetch(key); }).has_value();
}
int refused_ticket(int, void*) { return static_cast<bool>(opened.begin()); }

// All that must not be on the others: an allocation, an atomic read-modify-write, a second line that is written.
int control(int key, void*) {
    ::operator delete(::operator new(sizeof(int)));
    shared_count.fetch_add(1, std::memory_order_relaxed);
    ++ordinary;
    return fetch(key);
}
}

const path* find_path(const char* name) {
    static constexpr path paths[] = {
        {"hot_raw", hot_raw, nullptr},
        {"hot_by_hand", hot_by_hand, nullptr},
        {"hot_flat", hot_flat, nullptr},
        {"hot_flat_value", hot_flat_value, nullptr},
        {"hot_static", hot_static, nullptr},
        {"hot_static_once", hot_static_once, nullptr},
        {"hot_answering", hot_answering, nullptr},
        {"hot_calm", hot_calm, nullptr},
        {"hot_switched_off", hot_switched_off, nullptr},
        {"hot_static_value", hot_static_value, nullptr},
        {"hot_stored", hot_stored, nullptr},
        {"hot_told", hot_told, nullptr},
        {"hot_told_stored", hot_told_stored, nullptr},
        {"hot_nested", hot_nested, nullptr},
        {"hot_budgeted", hot_budgeted, nullptr},
        {"hot_budgeted_stored", hot_budgeted_stored, nullptr},
        {"hot_overdue", hot_overdue, nullptr},
        {"hot_bulkhead", hot_bulkhead, nullptr},
        {"hot_rate_limit", hot_rate_limit, nullptr},
        {"hot_fixed_window", hot_fixed_window, nullptr},
        {"hot_gradient", hot_gradient, nullptr},
        {"hot_aimd", hot_aimd, nullptr},
        {"hot_throttle", hot_throttle, nullptr},
        {"hot_ticket", hot_ticket, nullptr},
        {"hot_ticket_whole", hot_ticket_whole, nullptr},
        {"hot_ticket_stored", hot_ticket_stored, nullptr},
        {"hot_ticket_nested", hot_ticket_nested, nullptr},
        {"hot_ticket_kept", hot_ticket_kept, nullptr},
        {"hot_flat_passed", hot_flat_passed, &by_hand},
        {"hot_static_passed", hot_static_passed, &fixed},
        {"hot_stored_passed", hot_stored_passed, &stored},
        {"refused", refused, nullptr},
        {"refused_attempt", refused_attempt, nullptr},
        {"refused_outside", refused_outside, nullptr},
        {"refused_ticket", refused_ticket, nullptr},
        {"control", control, nullptr},
    };
    for (const path& p : paths) {
        if (std::strcmp(p.name, name) == 0) return &p;
    }
    return nullptr;
}
