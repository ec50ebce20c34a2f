// SPDX-License-Identifier: BSL-1.0
#include <keel/cache.hpp>
#include <keel/coalesce.hpp>
#include <keel/keel.hpp>

#include <atomic>
#include <cassert>
#include <chrono>
#include <expected>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

using namespace std::chrono_literals;

namespace {
using quote = int;

std::atomic<int> fetched{0};
quote fetch(const std::string& key) {
    ++fetched;
    return static_cast<quote>(key.size());
}

void usage() {
    const std::string key = "key";
    std::unordered_map<std::string, keel::cached<quote>> store;
    keel::cache quotes{store, {.ttl = 5s}};

    const quote q = quotes(key, [&] { return fetch(key); });
    const quote again = quotes(key, [&] { return fetch(key); });
    assert(q == 3 && again == 3 && fetched == 1);

    std::optional<quote> kept = quotes.find(key); // calls nothing
    assert(kept == 3);
    assert(quotes.stats().hits == 2);
    assert(quotes.stats().misses == 1);

    quotes.erase(key);
    assert(!quotes.find(key));
}

void failures() {
    std::map<int, keel::cached<quote>> store;
    keel::cache quotes{store, {.ttl = 5s}};
    using answer = std::expected<quote, std::error_code>;
    const answer bad = quotes(1, []() -> answer { return std::unexpected(make_error_code(std::errc::io_error)); });
    assert(!bad && store.empty());
    const answer good = quotes(1, []() -> answer { return 7; });
    assert(good == 7 && store.at(1).value == 7);
    assert(quotes(1, [] { return 8; }) == 7); // in whatever a function returns it
}

void in_a_pipeline() {
    const std::string key = "key";
    std::unordered_map<std::string, keel::cached<quote>> store;
    keel::cache quotes{store, {.ttl = 5s}};
    keel::pipeline p{keel::timeout(1s) | keel::retry<keel::exp_jitter>};
    const quote q = quotes(key, [&] { return p([&] { return fetch(key); }); });
    assert(q == 3);
}

void expired() {
    std::map<int, keel::cached<quote>> store;
    keel::manual_clock time;
    keel::cache quotes{store, {.ttl = 5s}, time};
    quotes(1, [] { return 1; });
    quotes(2, [] { return 2; });
    time.advance(5s);
    assert(!quotes.find(1) && store.size() == 1);
    assert(quotes.erase_expired() == 1 && store.empty());
}

void stampede() {
    const std::string key = "key";
    std::unordered_map<std::string, keel::cached<quote>> store;
    keel::cache quotes{store, {.ttl = 5s}};
    keel::coalesce<std::string, quote> flights;
    fetched = 0;
    std::vector<std::future<quote>> calls;
    for (int i = 0; i < 8; ++i)
        calls.push_back(std::async([&] { return quotes.coalesced(flights, key, [&] { return fetch(key); }); }));
    for (auto& call : calls)
        assert(call.get() == 3);
    assert(fetched == 1);

    keel::pipeline p{keel::timeout(1s)};
    const quote q =
        p([&](const keel::context& c) { return quotes.coalesced(flights, c, key, [&] { return fetch(key); }); });
    assert(q == 3 && fetched == 1);

    // In this order: who misses from now on must not join a flight that began before.
    flights.forget(key);
    quotes.erase(key);
    assert(quotes.coalesced(flights, key, [&] { return fetch(key); }) == 3);
    assert(fetched == 2);
}

void all_at_once() {
    std::map<int, keel::cached<quote>> store;
    keel::cache quotes{store, {.ttl = 5s}};
    std::atomic<int> inside{0};
    std::vector<std::future<quote>> calls;
    for (int i = 0; i < 4; ++i)
        calls.push_back(std::async([&] {
            return quotes(1, [&] {
                ++inside;
                while (inside != 4)
                    std::this_thread::yield();
                return 1;
            });
        }));
    for (auto& call : calls)
        assert(call.get() == 1);
    assert(inside == 4);
}

struct no_mutex {
    void lock() {}
    void unlock() {}
};

void without_threads() {
    using store_type = std::map<int, keel::cached<quote>>;
    store_type store;
    keel::cache<store_type, keel::cached_clock, no_mutex> quotes{store, {.ttl = 5s}};
    assert(quotes(1, [] { return 1; }) == 1);
}

void refused() {
    std::map<int, keel::cached<quote>> store;
    try {
        keel::cache quotes{store, {}};
        assert(false);
    } catch (const keel::invalid_config&) {
    }
}
} // namespace

int main() {
    usage();
    failures();
    in_a_pipeline();
    expired();
    for (int i = 0; i < 100; ++i)
        stampede();
    all_at_once();
    without_threads();
    refused();
}
