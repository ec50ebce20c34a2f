// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/results.hpp"
#include "support/seed.hpp"

#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <random>

using namespace std::chrono_literals;
using keel::bulkhead;
using keel::errc;
using support::result;

namespace {
/// Calls inside calls, at random, against the one figure that a bulkhead is about.
template <class Pipeline>
class nest {
  public:
    nest(Pipeline& p, std::uint32_t permits, std::uint64_t seed)
      : p_(p)
      , permits_(permits)
      , random_(seed) {}

    void run(int calls) {
        while (calls_ < calls)
            call();
    }
    int refused() const { return refused_; }

  private:
    template <class Ends>
    void called(Ends ends) {
        ++calls_;
        const std::uint32_t depth = inside_;
        bool ran = false;
        const errc reason = ends([&] {
            ran = true;
            REQUIRE(p_.template get<"it">().in_flight() == ++inside_);
            while (inside_ < 8 && random_() % 3 != 0)
                call();
            --inside_;
        });
        REQUIRE(ran == (depth < permits_));
        REQUIRE((reason == errc::bulkhead_full) == !ran);
        REQUIRE(inside_ == depth);
        REQUIRE(p_.template get<"it">().in_flight() == depth);
        REQUIRE(p_.template get<"it">().waiting() == 0);
        refused_ += !ran;
    }
    void call() {
        switch (random_() % 4) {
        case 0:
            return called([&](auto inside) { return reason_of(p_.attempt([&] { inside(); })); });
        case 1:
            return called([&](auto inside) { return reason_of(p_.attempt([&] { inside(), throw 1; })); });
        case 2:
            return called([&](auto inside) {
                const result r = p_([&]() -> result { return inside(), support::bad(); });
                return r.error() == errc::bulkhead_full ? errc::bulkhead_full : errc{};
            });
        default:
            return called([&](auto inside) {
                try {
                    p_([&]() -> int { return inside(), 1; });
                } catch (const keel::rejected& r) {
                    return r.reason();
                }
                return errc{};
            });
        }
    }
    static errc reason_of(const auto& r) { return r ? errc{} : r.error().reason(); }

    Pipeline& p_;
    std::uint32_t permits_;
    std::mt19937_64 random_;
    std::uint32_t inside_ = 0;
    int calls_ = 0, refused_ = 0;
};

template <class Chain>
void nest_at_random(const Chain& chain, std::uint32_t permits) {
    const std::uint64_t seed = support::first_seed();
    INFO("seed ", seed);
    keel::manual_clock clock;
    keel::pipeline p{chain, clock};
    nest n(p, permits, seed);
    n.run(50'000);
    CHECK(n.refused() > 500);
}
} // namespace

TEST_CASE("of calls inside calls as many are let in as there are permits, however they end") {
    constexpr auto never_open = keel::breaker<>({.failure_rate = 1.0, .minimum_calls = 100});
    nest_at_random(keel::named<"it">(bulkhead({.permits = 3})), 3);
    nest_at_random(keel::named<"it">(bulkhead({.permits = 5, .max_wait = 1us})) | never_open, 5);
    nest_at_random(keel::timeout(24h * 365) | keel::named<"it">(bulkhead({.permits = 4})), 4);
    nest_at_random(
        support::cold_only{keel::timeout(24h * 365)} | keel::named<"it">(bulkhead({.permits = 2})) | never_open, 2);
}
