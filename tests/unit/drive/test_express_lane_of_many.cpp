// SPDX-License-Identifier: BSL-1.0
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>

#include <doctest/doctest.h>

#include <utility>

using keel::operator|; // neither side of it need be keel's own

// Whichever of many policies a call leaves the express lane at, and however, each is left as it was found.

namespace {
constexpr int nobody = -1;

struct plan {
    int does_not_admit = nobody;
    int does_not_settle = nobody;
    int disapproves = nobody;
    int refuses = nobody;
    int lets_nothing_pass = nobody;
};
struct book {
    ::plan plan;
    int held[6] = {};
    int settled = 0;
    bool at_once = false;
};

/// Holds one thing from admission to settlement.
template <int Who>
struct holding {
    book* b;
    static constexpr keel::errc rejections[] = {keel::errc::refused};

    template <class R>
    bool approves(const R&) const {
        return b->plan.disapproves != Who;
    }
    bool fast_admit(keel::call&) const noexcept {
        if (b->plan.does_not_admit == Who || b->plan.refuses == Who) return false;
        ++b->held[Who];
        return true;
    }
    bool fast_settle(keel::call&) const noexcept {
        if (b->plan.does_not_settle == Who) return false;
        --b->held[Who];
        return true;
    }
    keel::admission admit(keel::call&, auto&) const {
        if (b->plan.refuses == Who) return keel::refuse(keel::errc::refused);
        ++b->held[Who];
        return keel::proceed;
    }
    keel::verdict settle(keel::call&, auto&, auto&) const {
        --b->held[Who];
        ++b->settled;
        return keel::verdict::keep();
    }
};

/// Holds nothing, so that a call may begin anew.
template <int Who>
struct passing {
    book* b;
    static constexpr keel::errc rejections[] = {keel::errc::refused};

    bool lets_pass(keel::errc) const noexcept { return b->plan.lets_nothing_pass != Who; }
    bool fast_admit(keel::call&) const noexcept { return b->plan.refuses != Who; }
    bool fast_settle(keel::call&) const noexcept { return true; }
    keel::admission fast_refuse(keel::call&) const noexcept {
        if (b->plan.refuses != Who) return keel::proceed;
        b->at_once = true;
        return keel::refuse(keel::errc::refused);
    }
    keel::admission admit(keel::call&, auto&) const {
        return b->plan.refuses == Who ? keel::refuse(keel::errc::refused) : keel::proceed;
    }
    keel::verdict settle(keel::call&, auto&, auto&) const {
        ++b->settled;
        return keel::verdict::keep();
    }
};

template <template <int> class Policy, int... Who>
auto all_of(book& b, std::integer_sequence<int, Who...>) {
    return (Policy<Who>{&b} | ...);
}
/// What becomes of a call through `Size` of them; 0 where it is refused.
template <template <int> class Policy, int Size>
int answer(book& b) {
    const keel::manual_clock clock;
    keel::pipeline p{all_of<Policy>(b, std::make_integer_sequence<int, Size>()), clock};
    return p.attempt([] { return 7; }).value_or(0);
}
template <int Size>
int kept(plan how, int settled) {
    book b{.plan = how};
    const int got = answer<holding, Size>(b);
    for (const int n : b.held)
        CHECK(n == 0);
    CHECK(b.settled == settled);
    return got;
}
template <int Size>
void leaves_anywhere() {
    CHECK(kept<Size>({}, 0) == 7);
    for (int who = 0; who < Size; ++who) {
        CAPTURE(who);
        CHECK(kept<Size>({.does_not_admit = who}, Size) == 7);
        CHECK(kept<Size>({.disapproves = who}, Size) == 7);
        // The inner ones have settled by then.
        CHECK(kept<Size>({.does_not_settle = who}, who + 1) == 7);
        CHECK(kept<Size>({.refuses = who}, who) == 0);
    }
}
template <int Size>
void refuses_anywhere() {
    for (int who = 0; who < Size; ++who) {
        CAPTURE(who);
        book b{.plan = {.refuses = who}};
        CHECK(answer<passing, Size>(b) == 0);
        CHECK(b.at_once);
        CHECK(b.settled == 0);
        for (int outer = 0; outer < who; ++outer) {
            CAPTURE(outer);
            book asked{.plan = {.refuses = who, .lets_nothing_pass = outer}};
            CHECK(answer<passing, Size>(asked) == 0);
            CHECK(!asked.at_once);
            CHECK(asked.settled == who);
        }
    }
}
} // namespace

TEST_CASE("a call that leaves the express lane at any of many policies leaves each of them as it found it") {
    leaves_anywhere<1>();
    leaves_anywhere<2>();
    leaves_anywhere<3>();
    leaves_anywhere<4>();
    leaves_anywhere<6>();
}

TEST_CASE("any of many policies may refuse at once, unless one around it has to know") {
    refuses_anywhere<1>();
    refuses_anywhere<2>();
    refuses_anywhere<3>();
    refuses_anywhere<4>();
}
