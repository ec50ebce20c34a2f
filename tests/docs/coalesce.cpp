// SPDX-License-Identifier: BSL-1.0
#include <keel/coalesce.hpp>
#include <keel/keel.hpp>

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <future>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {
std::atomic<int> allocations{0};
}

[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* p = std::malloc(size)) return p;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

using namespace std::chrono_literals;

namespace {
using quote = int;

quote fetch(const std::string& key) { return static_cast<quote>(key.size()); }
quote fetch(const std::string& key, std::chrono::nanoseconds at_most) {
    assert(at_most > 0ns && at_most <= 1s);
    return fetch(key);
}

template <class Flights>
void until_so_many_wait(const Flights& flights, std::size_t n) {
    while (flights.waiting() != n)
        std::this_thread::yield();
}

void usage() {
    const std::string key = "key";
    keel::pipeline p{keel::timeout(1s) | keel::retry<keel::exp_jitter>};
    keel::coalesce<std::string, quote> flights;
    const quote q = flights(key, [&] { return p([&] { return fetch(key); }); });
    assert(q == 3);

    keel::pipeline bounded{keel::timeout(1s)};
    const quote r = bounded([&](const keel::context& c) {
        return flights(c, key, [&](const keel::context& mine) { return fetch(key, mine.remaining()); });
    });
    assert(r == 3);
}

void shared() {
    keel::coalesce<std::string, quote> flights;
    std::atomic<int> runs{0};
    std::vector<std::future<quote>> calls;
    for (int i = 0; i < 8; ++i)
        calls.push_back(std::async([&] {
            return flights("key", [&] {
                until_so_many_wait(flights, 7);
                return ++runs;
            });
        }));
    for (auto& call : calls)
        assert(call.get() == 1);
    assert(flights.in_flight() == 0);
    assert(flights("key", [&] { return ++runs; }) == 2); // nothing is kept
}

void results() {
    const int key = 1;
    const keel::context too_late{keel::time_point()};
    keel::coalesce<int, std::expected<quote, std::error_code>> codes;
    std::expected<quote, std::error_code> x = codes(too_late, key, [] { return 1; });
    assert(x.error() == keel::errc::timed_out);

    keel::coalesce<int, std::expected<quote, std::string>> texts;
    auto y = texts(too_late, key, [] { return 1; });
    static_assert(
        std::is_same_v<decltype(y),
                       std::expected<quote, keel::error_of<std::string, keel::errc::timed_out, keel::errc::refused>>>);
    assert(y.error().reason() == keel::errc::timed_out);

    keel::coalesce<int, quote> plain;
    try {
        plain(too_late, key, [] { return 1; });
        assert(false);
    } catch (const keel::rejected& e) {
        assert(e.reason() == keel::errc::timed_out);
    }
    std::expected<quote, keel::failure> z = plain.attempt(too_late, key, [] { return 1; });
    assert(z.error() == keel::errc::timed_out);
    keel::coalesce<int, void> nothing;
    nothing(key, [] {});
}

void keys() {
    keel::coalesce<std::string_view, quote> flights;
    for (std::string text : {"a", "b"})
        assert(flights(text, [&] { return fetch(text); }) == 1);
}

void forgotten() {
    keel::coalesce<int, int> flights;
    const int key = 1;
    int source = 1;
    const auto read = [&] { return source; };
    const int old = flights(key, [&] {
        const int value = source;
        std::async([&] {
            source = 2;
            flights.forget(key);
            assert(flights(key, read) == 2);
        }).get();
        return value;
    });
    assert(old == 1);
}

void once_or_for_each() {
    const int key = 1;
    keel::pipeline p{keel::breaker<keel::sliding_window>};
    keel::coalesce<int, int> flights;
    std::vector<std::future<int>> calls;
    const auto four_at_a_time = [&](auto call) {
        for (int i = 0; i < 4; ++i)
            calls.push_back(std::async(call));
        for (auto& c : std::exchange(calls, {}))
            assert(c.get() == 1);
    };
    const auto fetch = [&] {
        until_so_many_wait(flights, 3);
        return 1;
    };
    four_at_a_time([&] { return flights(key, [&] { return p(fetch); }); });
    assert(p.circuit().stats().totals.calls == 1);
    four_at_a_time([&] { return p([&] { return flights(key, fetch); }); });
    assert(p.circuit().stats().totals.calls == 1 + 4);
}

void own_key() {
    keel::coalesce<int, int> flights;
    try {
        flights(1, [&] { return flights(1, [] { return 1; }); });
        assert(false);
    } catch (const std::system_error& e) {
        assert(e.code() == std::errc::resource_deadlock_would_occur);
    }
}

void other_ones_key() {
    keel::coalesce<int, int, keel::manual_clock> flights;
    const keel::context soon(keel::time_point(1s));
    std::atomic<int> begun{0};
    const auto each_other = [&](int mine, int others) {
        return std::async([&, mine, others] {
            return flights(mine, [&]() -> int {
                ++begun;
                while (begun != 2)
                    std::this_thread::yield();
                return flights(soon, others, [] { return 1; });
            });
        });
    };
    auto one = each_other(1, 2), two = each_other(2, 1);
    int refused = 0;
    for (auto* f : {&one, &two}) {
        try {
            f->get();
        } catch (const keel::rejected&) {
            ++refused;
        }
    }
    assert(refused > 0);
}

void allocated() {
    keel::coalesce<int, int> flights;
    int before = allocations;
    assert(flights(1, [] { return 1; }) == 1);
    assert(allocations == before);

    int followed = 0;
    std::jthread follower;
    flights(1, [&] {
        follower = std::jthread([&] { followed = flights(1, [] { return 2; }); });
        until_so_many_wait(flights, 1);
        before = allocations;
        return 1;
    });
    follower.join();
    assert(followed == 1);
    assert(allocations == before + 1);
}
} // namespace

int main() {
    usage();
    shared();
    results();
    keys();
    forgotten();
    once_or_for_each();
    own_key();
    other_ones_key();
    allocated();
}
