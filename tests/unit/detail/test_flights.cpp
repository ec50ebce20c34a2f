// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/flights.hpp>

#include "support/seed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <variant>
#include <vector>

// By one thread: which calls wait and which lead is a matter of the order of what they do under the lock. What threads
// make of it is tested by coalesce.

namespace {

using all_flights = keel::detail::flights<int, int>;
using flight = keel::detail::flight<int>;
using part = all_flights::follower::part;

/// A call, as it is and as it should be.
struct one_call {
    int key;
    std::optional<flight> began;
    std::optional<all_flights::follower> followed;

    part should_be = part::leads;
    std::optional<int> should_have; // nothing: an exception

    explicit one_call(int k)
      : key(k) {}
    flight& leads() { return began ? *began : followed->own; }
    part is() const { return began ? part::leads : followed->plays; }
};

/// What should be under way.
struct naive_flight {
    one_call* leader;
    bool can_be_joined = true;
    std::vector<one_call*> followers;
};

class model {
  public:
    void enter(int key) {
        one_call& c = calls_.emplace_back(key);
        const auto held = flights_.locked();
        flight* const under_way = flights_.find(c.key, hash_of(key), std::equal_to<int>());
        const auto same = std::ranges::find_if(
            naive_, [&](const naive_flight& f) { return f.can_be_joined && f.leader->key == key; });
        REQUIRE((under_way != nullptr) == (same != naive_.end()));
        if (under_way != nullptr) {
            REQUIRE(under_way == &same->leader->leads());
            flights_.follow(*under_way, c.followed.emplace(c.key, hash_of(key)));
            c.should_be = part::follows;
            same->followers.push_back(&c);
        } else {
            flights_.begin(c.began.emplace(c.key, hash_of(key)));
            naive_.push_back({.leader = &c, .followers = {}});
        }
    }
    void land(std::size_t n, int value) {
        naive_flight& f = nth(n);
        if (value % 4 == 0)
            flights_.land<1>(f.leader->leads(), std::make_exception_ptr(value));
        else
            flights_.land<0>(f.leader->leads(), value);
        for (one_call* c : f.followers) {
            c->should_be = part::has_landed;
            if (value % 4 != 0) c->should_have = value;
        }
        forget_call(f.leader);
        naive_.erase(naive_.begin() + (&f - naive_.data()));
    }
    void hand_on(std::size_t n) {
        naive_flight& f = nth(n);
        one_call* const old = f.leader;
        flights_.hand_on(old->leads());
        handed_on(f);
        forget_call(old);
    }
    /// A follower, or one who leads or has landed without having seen it.
    void withdraw(std::size_t n) {
        one_call& c = *std::next(calls_.begin(), static_cast<std::ptrdiff_t>(n % calls_.size()));
        if (c.began) return;
        flights_.withdraw(*c.followed);
        for (naive_flight& f : naive_) {
            std::erase(f.followers, &c);
            if (f.leader != &c) continue;
            handed_on(f);
            break;
        }
        forget_call(&c);
    }
    void forget(int key) {
        const auto held = flights_.locked();
        flight* const under_way = flights_.find(key, hash_of(key), std::equal_to<int>());
        if (under_way != nullptr) under_way->leave();
        for (naive_flight& f : naive_)
            if (f.leader->key == key) f.can_be_joined = false;
    }
    void check() {
        std::size_t joinable = 0, waiting = 0;
        for (const naive_flight& f : naive_) {
            joinable += f.can_be_joined;
            waiting += f.followers.size();
        }
        REQUIRE(flights_.under_way() == joinable);
        REQUIRE(flights_.waiting() == waiting);
        for (const one_call& c : calls_) {
            REQUIRE(c.is() == c.should_be);
            if (c.should_be != part::has_landed) continue;
            REQUIRE((c.followed->brought->index() == 0) == c.should_have.has_value());
            if (c.should_have) REQUIRE(std::get<0>(*c.followed->brought) == *c.should_have);
        }
        // Who has seen its result goes.
        calls_.remove_if([](const one_call& c) { return c.should_be == part::has_landed && c.should_have; });
    }
    bool has_flights() const { return !naive_.empty(); }
    bool has_calls() const { return !calls_.empty(); }
    void end() {
        while (has_flights())
            land(0, 1);
        check();
    }

  private:
    static std::size_t hash_of(int key) { return static_cast<std::size_t>(key) / 2; } // two keys for each
    naive_flight& nth(std::size_t n) { return naive_[n % naive_.size()]; }
    void handed_on(naive_flight& f) {
        if (f.followers.empty()) {
            naive_.erase(naive_.begin() + (&f - naive_.data()));
            return;
        }
        f.leader = f.followers.front();
        f.leader->should_be = part::leads;
        f.followers.erase(f.followers.begin());
    }
    void forget_call(const one_call* gone) {
        calls_.remove_if([&](const one_call& c) { return &c == gone; });
    }

    all_flights flights_;
    std::list<one_call> calls_;
    std::vector<naive_flight> naive_;
};

} // namespace

TEST_CASE("flights do what lists of leaders and followers do") {
    const std::uint64_t seed = support::first_seed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 20; ++round) {
        model m;
        for (int i = 0; i < 10'000; ++i) {
            const auto n = random();
            switch (n % 16) {
            case 0:
            case 1:
                if (m.has_flights()) m.land(n / 16, i);
                break;
            case 2:
                if (m.has_flights()) m.hand_on(n / 16);
                break;
            case 3:
            case 4:
                if (m.has_calls()) m.withdraw(n / 16);
                break;
            case 5:
                m.forget(static_cast<int>(n / 16 % 6));
                break;
            case 6:
            case 7:
            case 8:
                m.enter(static_cast<int>(n / 16 % 6));
                break;
            }
            m.check();
        }
        m.end();
    }
}

TEST_CASE("a flight knows the thread that leads it") {
    const int key = 1;
    const flight mine(key, 0);
    CHECK(mine.is_led_by_this_thread());
    bool is_theirs = true;
    std::jthread([&] { is_theirs = mine.is_led_by_this_thread(); }).join();
    CHECK(!is_theirs);
}

TEST_CASE("flights have cache lines of their own") {
    static_assert(sizeof(all_flights) == keel::cache_line && alignof(all_flights) == keel::cache_line);
}
