// SPDX-License-Identifier: BSL-1.0
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <expected>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using keel::operator|; // neither side of it need be keel's own

// A call that leaves the express lane, wherever it leaves it, gives exactly what the cold lane alone gives: the same
// hooks in the same order, each seeing the same time, deadline and attempt, and the same answer. Policies that can ride
// the express lane and policies that can't follow the same plan, and everything that they see is written down.

namespace {
constexpr int nobody = -1;

/// What is to happen to a call, and at which of three policies.
struct plan {
    int fast_admit_stops = nobody; // says "not me" though it could admit
    int fast_settle_stops = nobody;
    int disapproves = nobody;   // of a value, which it settles all the same
    int refuses = nobody;       // in admit
    int admit_throws = nobody;  // in admit
    int settle_throws = nobody; // in settle
    int rejects = nobody;       // in settle: puts a rejection in place of the outcome
    int again = nobody;         // in its first settle: runs the inside again
    std::string function = "v"; // in each attempt: returns a Value, an Error, or throws eXception
};
struct diary {
    ::plan plan;
    std::string log;
    int settles_of_again = 0;
    keel::manual_clock clock;

    void note(const char* what, int who, const keel::call& c, keel::time_point now) {
        log += what + std::to_string(who) + " at " + text(now) + " before " + text(c.deadline) + " attempt " +
               std::to_string(c.attempt) + "\n";
    }
    static std::string text(keel::time_point t) { return std::to_string(t.time_since_epoch().count()); }
};
struct boom {
    int who;
};

struct remembered {
    keel::time_point outer_deadline{};
    int serial = 0;
};

/// Takes a permit, lowers the deadline, and gives both back. `Kept` is what it keeps: a state, a frame, both or
/// neither.
enum class keeps { nothing, state, frame, both };
template <bool Express, keeps Kept>
struct planned;

template <bool Express>
struct hooks_of_plan {
    int who;
    diary* d;
    static constexpr keel::errc rejections[] = {keel::errc::refused};
    static constexpr keel::needs needs() noexcept { return {.entry_time = true, .settle_time = true}; }

    template <class R>
    bool approves(const R&) const {
        return d->plan.disapproves != who;
    }

  protected:
    keel::admission take(keel::call& c) const {
        if (d->plan.admit_throws == who) throw boom{who};
        if (d->plan.refuses == who) return keel::refuse(keel::errc::refused);
        d->note("admit ", who, c, c.now());
        return keel::proceed;
    }
    keel::verdict give(keel::call& c, keel::outcome& o) const {
        d->note(o.succeeded()                   ? "settle success "
                : o.returned()                  ? "settle error "
                : o.exception()                 ? "settle exception "
                : o.rejection() != keel::errc{} ? "settle rejection "
                                                : "settle nothing ",
                who, c, c.now());
        if (d->plan.settle_throws == who) throw boom{who};
        if (d->plan.rejects == who) o.reject(keel::errc::refused);
        if (d->plan.again == who && d->settles_of_again++ == 0) return keel::verdict::again_after(keel::nanos(10));
        return keel::verdict::keep();
    }
    void drop(keel::call& c) const { d->note("abandon ", who, c, c.now()); }

    bool take_fast(keel::call& c) const {
        const plan& p = d->plan;
        if (p.admit_throws == who || p.refuses == who || p.fast_admit_stops == who) return false;
        d->note("admit ", who, c, c.now());
        return true;
    }
    bool give_fast(keel::call& c) const {
        const plan& p = d->plan;
        if (p.settle_throws == who || p.rejects == who || p.again == who || p.fast_settle_stops == who) return false;
        d->note("settle success ", who, c, c.now());
        return true;
    }
};

template <bool Express>
struct planned<Express, keeps::nothing> : hooks_of_plan<Express> {
    keel::admission admit(keel::call& c, auto&) const { return this->take(c); }
    keel::verdict settle(keel::call& c, auto&, keel::outcome& o) const { return this->give(c, o); }
    void abandon(keel::call& c, auto&) const noexcept { this->drop(c); }
    bool fast_admit(keel::call& c) const noexcept
        requires Express
    {
        return this->take_fast(c);
    }
    bool fast_settle(keel::call& c) const noexcept
        requires Express
    {
        return this->give_fast(c);
    }
};

struct permits {
    int out = 0;
};

template <bool Express>
struct planned<Express, keeps::state> : hooks_of_plan<Express> {
    template <class Clock>
    struct state : permits {
        explicit state(const planned&) {}
    };
    keel::admission admit(permits& s, keel::call& c, auto&) const {
        const keel::admission a = this->take(c);
        s.out += a.granted();
        return a;
    }
    keel::verdict settle(permits& s, keel::call& c, auto&, keel::outcome& o) const {
        const keel::verdict v = this->give(c, o);
        s.out -= !v.again;
        return v;
    }
    void abandon(permits& s, keel::call& c, auto&) const noexcept {
        this->drop(c);
        --s.out;
    }
    bool fast_admit(permits& s, keel::call& c) const noexcept
        requires Express
    {
        const bool took = this->take_fast(c);
        s.out += took;
        return took;
    }
    bool fast_settle(permits& s, keel::call& c) const noexcept
        requires Express
    {
        const bool gave = this->give_fast(c);
        s.out -= gave;
        return gave;
    }
};

template <bool Express>
struct planned<Express, keeps::frame> : hooks_of_plan<Express> {
    using frame = remembered;
    void lower(keel::call& c, frame& f) const {
        f = {c.deadline, 7};
        c.deadline = std::min(c.deadline, keel::time_point(std::chrono::nanoseconds(1000 - this->who)));
    }
    void raise(keel::call& c, frame& f) const {
        CHECK(f.serial == 7); // it is the frame that admit left
        c.deadline = f.outer_deadline;
    }
    keel::admission admit(keel::call& c, frame& f) const {
        const keel::admission a = this->take(c);
        if (a.granted()) lower(c, f);
        return a;
    }
    keel::verdict settle(keel::call& c, frame& f, keel::outcome& o) const {
        const keel::verdict v = this->give(c, o);
        if (!v.again) raise(c, f);
        return v;
    }
    void abandon(keel::call& c, frame& f) const noexcept {
        this->drop(c);
        raise(c, f);
    }
    bool fast_admit(keel::call& c, frame& f) const noexcept
        requires Express
    {
        if (!this->take_fast(c)) return false;
        lower(c, f);
        return true;
    }
    bool fast_settle(keel::call& c, frame& f) const noexcept
        requires Express
    {
        if (!this->give_fast(c)) return false;
        raise(c, f);
        return true;
    }
};

template <bool Express>
struct planned<Express, keeps::both> : planned<Express, keeps::frame> {
    using base = planned<Express, keeps::frame>;
    using frame = remembered;
    template <class Clock>
    struct state : permits {
        explicit state(const planned&) {}
    };
    keel::admission admit(permits& s, keel::call& c, frame& f) const {
        const keel::admission a = base::admit(c, f);
        s.out += a.granted();
        return a;
    }
    keel::verdict settle(permits& s, keel::call& c, frame& f, keel::outcome& o) const {
        const keel::verdict v = base::settle(c, f, o);
        s.out -= !v.again;
        return v;
    }
    void abandon(permits& s, keel::call& c, frame& f) const noexcept {
        base::abandon(c, f);
        --s.out;
    }
    bool fast_admit(permits& s, keel::call& c, frame& f) const noexcept
        requires Express
    {
        const bool took = base::fast_admit(c, f);
        s.out += took;
        return took;
    }
    bool fast_settle(permits& s, keel::call& c, frame& f) const noexcept
        requires Express
    {
        const bool gave = base::fast_settle(c, f);
        s.out -= gave;
        return gave;
    }
};

using result = std::expected<int, std::string>;

template <class State>
void check_balanced(State& s) {
    if constexpr (std::is_base_of_v<permits, State>) CHECK(s.out == 0);
}

/// Runs one call by `p` with policies that keep `A`, `B` and `C`, and says what came of it and all that was seen.
template <bool Express, keeps A, keeps B, keeps C, bool Attempt>
std::string happens(const plan& p) {
    diary d{.plan = p, .log = {}, .clock = {}};
    keel::pipeline guard{planned<Express, A>{{0, &d}} | planned<Express, B>{{1, &d}} | planned<Express, C>{{2, &d}},
                         d.clock};
    const auto function = [&](const keel::context& c) -> result {
        d.clock.advance(1ns);
        d.log += "call " + std::to_string(c.attempt()) + " before " + diary::text(c.deadline()) + "\n";
        const char does = d.plan.function[std::min<std::size_t>(c.attempt(), d.plan.function.size()) - 1];
        if (does == 'x') throw boom{100};
        if (does == 'e') return std::unexpected("e" + std::to_string(c.attempt()));
        return static_cast<int>(c.attempt());
    };
    const auto of_error = [](const auto& error) {
        if (error.error() != nullptr) return "error " + *error.error();
        return error.is_rejection() ? "rejection " + std::to_string(static_cast<int>(error.reason())) : "exception";
    };
    try {
        if constexpr (Attempt) {
            const auto r = guard.attempt(function);
            d.log += r ? "value " + std::to_string(*r) : of_error(r.error());
        } else {
            const auto r = guard(function);
            d.log += r ? "value " + std::to_string(*r) : of_error(r.error());
        }
    } catch (const boom& b) {
        d.log += "exception " + std::to_string(b.who);
    }
    check_balanced(guard.template state<0>());
    check_balanced(guard.template state<1>());
    check_balanced(guard.template state<2>());
    return d.log;
}

/// Wherever the express lane may stop, together with whatever may come of the call.
std::vector<plan> all_plans(bool with_throwing_hooks) {
    std::vector<plan> plans;
    std::vector<int plan::*> events{&plan::refuses, &plan::rejects, &plan::again};
    if (with_throwing_hooks) events.insert(events.end(), {&plan::admit_throws, &plan::settle_throws});
    for (int admit = nobody; admit < 3; ++admit)
        for (int settle = nobody; settle < 3; ++settle)
            for (int disapproves = nobody; disapproves < 3; ++disapproves)
                for (const char* function : {"v", "e", "x", "ve", "vx", "ev", "ex", "xv", "xe"}) {
                    const plan base{.fast_admit_stops = admit,
                                    .fast_settle_stops = settle,
                                    .disapproves = disapproves,
                                    .function = function};
                    plans.push_back(base);
                    for (int plan::* event : events)
                        for (int who = 0; who < 3; ++who) {
                            plans.push_back(base);
                            plans.back().*event = who;
                        }
                    // Two things at once, of which one may undo the other.
                    for (int first = 0; first < 3; ++first)
                        for (int second = 0; second < 3; ++second) {
                            plans.push_back(base);
                            plans.back().again = first;
                            plans.back().rejects = second;
                        }
                }
    return plans;
}

template <keeps A, keeps B, keeps C, bool Attempt = false>
void same_on_either_lane() {
    int rode = 0;
    const auto plans = all_plans(!Attempt);
    for (const plan& p : plans) {
        const std::string express = happens<true, A, B, C, Attempt>(p), cold = happens<false, A, B, C, Attempt>(p);
        rode += express.ends_with("value 1");
        REQUIRE(express == cold);
    }
    CHECK(rode > 0);
    CHECK(plans.size() > 10'000);
}
} // namespace

TEST_CASE("the lanes agree on policies that keep nothing") {
    same_on_either_lane<keeps::nothing, keeps::nothing, keeps::nothing>();
}
TEST_CASE("the lanes agree on policies that keep a frame") {
    same_on_either_lane<keeps::frame, keeps::frame, keeps::frame>();
}
TEST_CASE("the lanes agree on policies that keep a state") {
    same_on_either_lane<keeps::state, keeps::state, keeps::state>();
}
TEST_CASE("the lanes agree on policies that keep different things") {
    same_on_either_lane<keeps::frame, keeps::both, keeps::nothing>();
}
TEST_CASE("the lanes agree in attempt(), which throws nothing") {
    same_on_either_lane<keeps::state, keeps::nothing, keeps::both, true>();
}
