// SPDX-License-Identifier: BSL-1.0
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using keel::operator|; // neither side of it need be keel's own

// A call that is refused where nothing outside the refusal needs to know of it is answered at once.

namespace {
constexpr keel::time_point seven(7s), nine(9s);

struct diary {
    std::string log{};
    bool admits_fast = true, refuses = false, knows_at_once = true, lets_pass = true;
};

/// Leaves nothing to give back, so an express call may be forgotten after its fast_admit.
struct passing {
    diary* d;
    keel::time_point finds, leaves; // as the deadline
    struct frame {
        keel::time_point outer;
    };
    bool lets_pass(keel::errc) const noexcept { return d->lets_pass; }
    bool fast_admit(keel::call& c, frame& f) const noexcept {
        f.outer = c.deadline;
        c.deadline = leaves;
        return true;
    }
    bool fast_settle(keel::call& c, frame& f) const noexcept {
        c.deadline = f.outer;
        return true;
    }
    keel::admission admit(keel::call& c, frame& f) const {
        d->log += c.deadline == finds ? "a" : "a with a deadline left behind";
        fast_admit(c, f);
        return keel::proceed;
    }
    keel::verdict settle(keel::call& c, frame& f, const keel::outcome& o) const {
        d->log += o.rejection() == keel::errc::refused ? "R" : "S";
        fast_settle(c, f);
        return keel::verdict::keep();
    }
};
struct gate {
    diary* d;
    bool fast_admit(keel::call&) const noexcept { return d->admits_fast && !d->refuses; }
    bool fast_settle(keel::call&) const noexcept { return true; }
    keel::admission fast_refuse(keel::call&) const noexcept {
        if (!d->refuses || !d->knows_at_once) return keel::proceed;
        d->log += "!";
        return keel::refuse(keel::errc::refused);
    }
    keel::admission admit(keel::call&, auto&) const {
        d->log += "g";
        return d->refuses ? keel::refuse(keel::errc::refused) : keel::proceed;
    }
    keel::verdict settle(keel::call&, auto&, const keel::outcome&) const {
        d->log += "G";
        return keel::verdict::keep();
    }
};

std::string happens(diary d) {
    keel::manual_clock clock;
    keel::pipeline p{passing{&d, keel::no_deadline, nine} | passing{&d, nine, seven} | gate{&d}, clock};
    const auto r = p.attempt([&](const keel::context& c) {
        d.log += c.deadline() == seven ? "-" : "- without its deadline";
        return 1;
    });
    return d.log + (r ? " value" : r.error() == keel::errc::refused ? " refused" : " what?");
}
} // namespace

TEST_CASE("a refusal that all policies around it let pass is answered without asking any of them") {
    CHECK(happens({.refuses = true}) == "! refused");
}
TEST_CASE("a refusal that a policy around it does not let pass is settled by them all") {
    CHECK(happens({.refuses = true, .lets_pass = false}) == "aagRR refused");
}
TEST_CASE("a policy that does not know at once whether it refuses is asked for admission") {
    CHECK(happens({.refuses = true, .knows_at_once = false}) == "aagRR refused");
}
TEST_CASE("a call that is not admitted on the express lane begins anew on the cold one, as if nothing had been") {
    CHECK(happens({.admits_fast = false}) == "aag-GSS value");
}
TEST_CASE("a call that rides the express lane asks for nothing twice") { CHECK(happens({}) == "- value"); }
