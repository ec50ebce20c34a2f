// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <pthread.h>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::operator|; // neither side of it need be keel's own

namespace {
struct boom {};
/// Burns down by one with each callback of the user's. From the one where it has burnt down on, each throws: the
/// express lane swallows what a predicate throws, for the cold one to ask it again.
struct fuse {
    static constexpr int endless = 1'000'000;
    int left = endless;
    void burn() {
        if (--left <= 0) throw boom{};
    }
};
fuse lit;

struct throwing_clock {
    keel::manual_clock inner;
    keel::time_point now() const noexcept { return inner.now(); }
    void sleep_until(keel::time_point t) const {
        lit.burn();
        inner.sleep_until(t);
    }
};

/// Takes a permit and gives it back, and burns the fuse in each hook that may throw.
template <bool Express>
struct permits {
    template <class Clock>
    struct state {
        explicit state(const permits&) {}
        int out = 0;
        int successes = 0; // that came out of what is inside
    };
    struct frame {
        bool taken = false;
    };
    keel::admission admit(auto& s, keel::call&, frame& f) const {
        lit.burn();
        f.taken = true;
        ++s.out;
        return keel::proceed;
    }
    keel::verdict settle(auto& s, keel::call&, frame& f, const keel::outcome_of<int>& o) const {
        s.successes += o.returned() && *o.result() != 0;
        lit.burn();
        give_back(s, f);
        return keel::verdict::keep();
    }
    void abandon(auto& s, keel::call&, frame& f) const noexcept { give_back(s, f); }

    bool fast_admit(auto& s, keel::call&, frame& f) const noexcept
        requires Express
    {
        if (lit.left <= 1) return false;
        --lit.left;
        f.taken = true;
        ++s.out;
        return true;
    }
    bool fast_settle(auto& s, keel::call&, frame& f) const noexcept
        requires Express
    {
        if (lit.left <= 1) return false;
        --lit.left;
        ++s.successes;
        give_back(s, f);
        return true;
    }

  private:
    static void give_back(auto& s, frame& f) noexcept {
        if (!f.taken) s.out = -1000; // given back twice
        f.taken = false;
        --s.out;
    }
};

constexpr auto is_zero = [](int v) { return lit.burn(), v == 0; };
constexpr auto retry = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}).failing_if(is_zero);
// An attempt that returns zero does not count for it: its permit goes back.
constexpr auto breaker = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1},
                                                                    .open_for = 1s,
                                                                    .half_open_calls = 2,
                                                                    .half_open_max_wait = keel::longest,
                                                                    .growth = {.jitter = 0}})
                             .ignoring_if(is_zero);

/// How many probes a half-open circuit still lets out.
template <class Circuit>
int room(Circuit& c, keel::time_point now) {
    std::array<keel::circuit_permit, 10> held;
    keel::call call;
    call.turn_at(now);
    std::size_t n = 0;
    while (n < held.size() && c.admit(held[n], call).granted())
        ++n;
    for (std::size_t i = 0; i < n; ++i)
        c.settle(held[i], call, keel::ending::ignored);
    return static_cast<int>(n);
}

/// Calls a pipeline whose function returns `value` in its second attempt once with each callback throwing in turn.
/// Returns how many callbacks there are.
template <bool Express>
int throws_from_every_callback(circuit_state in) {
    using p_t = permits<Express>;
    constexpr auto chain = p_t{} | (keel::timeout(1h) | retry | p_t{} | breaker | p_t{});
    for (int k = 1;; ++k) {
        CAPTURE(k);
        throwing_clock clock;
        keel::pipeline p{chain, clock};
        const auto run = [&] {
            int n = 0;
            return p([&] { return n++; });
        };
        if (in == circuit_state::half_open) {
            CHECK_THROWS(p([]() -> int { throw 'x'; }));
            clock.inner.advance(1s);
        } else {
            CHECK(run() == 1); // the next success rides the express lane
        }
        const int successes = p.template state<3>().successes;
        lit.left = k;
        bool exploded = false;
        try {
            const int second = run();
            CHECK(second == 1);
        } catch (const boom&) {
            exploded = true;
        }
        lit.left = fuse::endless;
        CHECK(p.template state<0>().out == 0);
        CHECK(p.template state<3>().out == 0);
        CHECK(p.template state<5>().out == 0);
        if (in == circuit_state::half_open) {
            // A probe is either counted, which the policy outside the breaker has seen, or has given its permit back.
            const int counted = p.template state<3>().successes - successes;
            CHECK(room(p.circuit(), clock.now()) == 2 - counted);
            CHECK(p.circuit().state() == circuit_state::half_open);
        } else {
            CHECK(p.circuit().state() == circuit_state::closed);
        }
        if (!exploded) return k - 1;
    }
}
} // namespace

TEST_CASE("whichever callback throws, its exception comes out and every permit goes back, off the express lane") {
    CHECK(throws_from_every_callback<false>(circuit_state::closed) >= 15);
}
TEST_CASE("whichever callback throws, its exception comes out and every permit goes back, having left the lane") {
    CHECK(throws_from_every_callback<true>(circuit_state::closed) >= 15);
}
TEST_CASE("whichever callback throws, a probe is counted or gives its permit back") {
    CHECK(throws_from_every_callback<false>(circuit_state::half_open) >= 15);
    CHECK(throws_from_every_callback<true>(circuit_state::half_open) >= 15);
}

namespace {
/// Counts what it has taken. A success may ride the express lane.
struct taking {
    template <class Clock>
    struct state {
        explicit state(const taking&) {}
        int out = 0;
    };
    keel::admission admit(auto& s, keel::call&, auto&) const { return ++s.out, keel::proceed; }
    keel::verdict settle(auto& s, keel::call&, auto&, auto&) const { return --s.out, keel::verdict::keep(); }
    void abandon(auto& s, keel::call&, auto&) const noexcept { --s.out; }
    bool fast_admit(auto& s, keel::call&) const noexcept { return ++s.out, true; }
    bool fast_settle(auto& s, keel::call&) const noexcept { return --s.out, true; }
};
/// Throws from its k-th move.
struct fragile {
    int* moves_left;
    explicit fragile(int* left)
      : moves_left(left) {}
    fragile(fragile&& other)
      : moves_left(other.moves_left) {
        if (--*moves_left == 0) throw boom{};
    }
    fragile& operator=(fragile&&) = default;
};
} // namespace

TEST_CASE("a result whose move throws leaves no permit behind") {
    keel::manual_clock clock;
    keel::pipeline p{taking{} | keel::retry<keel::constant>.failing_if([](const fragile&) { return true; }), clock};
    int exploded = 0;
    for (int k = 1; k <= 10; ++k) {
        int moves_left = k;
        try {
            p([&] { return fragile(&moves_left); });
        } catch (const boom&) {
            ++exploded;
        }
        CHECK(p.state<0>().out == 0);
    }
    REQUIRE(exploded > 0);
}

namespace {
/// Says how often the inside is to run, with a delay in between, whatever comes of it.
struct again {
    int times;
    struct frame {
        int done = 0;
    };
    keel::admission admit(keel::call&, frame& f) const { return f.done = 0, keel::proceed; }
    keel::verdict settle(keel::call&, frame& f, const keel::outcome&) const {
        return ++f.done < times ? keel::verdict::again_after(7ms) : keel::verdict::keep();
    }
};
/// Puts something else in place of what came of the inside.
struct replacing {
    keel::admission admit(keel::call&, auto&) const { return keel::proceed; }
    template <class R>
    keel::verdict settle(keel::call&, auto&, keel::outcome_of<R>& o) const {
        if (o.rejection() == keel::errc::circuit_open)
            o.emplace([] { return R(-1); });
        else if (o.exception())
            o.reject(keel::errc::refused);
        else if (*o.result() == 13)
            o.threw(std::make_exception_ptr(boom{}));
        return keel::verdict::keep();
    }
};
} // namespace

TEST_CASE(
    "the inside runs again as often as a policy says, each time with its policies' admission and after the wait") {
    keel::manual_clock clock;
    keel::pipeline p{again{3} | again{2}, clock};
    std::string seen;
    CHECK(p([&](const keel::context& c) {
              seen += std::to_string(c.attempt());
              return clock.now();
          }) == keel::time_point(35ms));
    CHECK(seen == "123456");
}

TEST_CASE("a policy may put a value, a rejection or an exception in place of an outcome") {
    keel::manual_clock clock;
    const auto open = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}});
    keel::pipeline p{replacing{} | open, clock};
    CHECK(p([] { return 7; }) == 7);
    CHECK_THROWS_AS(p([] { return 13; }), boom);
    CHECK(p.attempt([]() -> int { throw 1; }).error() == keel::errc::refused);
    CHECK(p([] { return 7; }) == -1); // the circuit is open by now
}

TEST_CASE("a junction holds where the express lane stopped") {
    using keel::detail::junction;
    for (const std::size_t admitted : {0u, 1u, 7u, 100u}) {
        for (const std::size_t settled : {0u, 1u, 99u}) {
            for (const bool invoked : {false, true}) {
                const junction j(admitted, settled, invoked, !invoked);
                CHECK(j.admitted() == admitted);
                CHECK(j.settled() == settled);
                CHECK(j.invoked() == invoked);
                CHECK(j.knows_now() == !invoked);
            }
        }
    }
    CHECK(junction().admitted() == 0);
    CHECK(!junction().invoked());
}

TEST_CASE("a thread that ends inside a call takes its leave through the pipeline, and what was taken goes back") {
    keel::manual_clock clock;
    keel::pipeline p{taking{} | keel::retry<keel::constant>, clock};
    bool came_back = false;
    std::thread([&] {
        p([] { ::pthread_exit(nullptr); });
        came_back = true;
    }).join();
    CHECK(!came_back);
    CHECK(p.state<0>().out == 0);
}
