// SPDX-License-Identifier: BSL-1.0
#include "support/overtaken_atomics.hpp"

#include <keel/sync/sections.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <thread>

// On one thread, and where one waits for another. All interleavings of several are for the race suite.

namespace {

struct counted_act {
    keel::sections<>& of;
    int& acts;
    int again = 0;
    void operator()() const {
        if (acts++ < again) of.want(false, *this);
    }
};

struct scene {
    keel::sections<> all;
    int acts = 0;
    counted_act act{all, acts};

    scene() { all.open(); }
};

/// A thread that is played by another one, until it waits.
struct played_threads : keel::waiting_atomics {
    static inline std::uintptr_t player = 1;
    static inline std::uintptr_t running = player;
    static inline int waits = 0;
    static void yield() noexcept {
        ++waits;
        running = player;
    }
    static std::uintptr_t this_thread() noexcept { return running; }
};

} // namespace

TEST_CASE("an act that is wanted is done at once, or by the last section that runs") {
    scene s;
    s.all.want(false, s.act);
    CHECK(s.acts == 1);
    s.all.enter();
    s.all.enter();
    s.all.want(false, s.act);
    s.all.want(false, s.act);
    s.all.leave(s.act);
    CHECK(s.acts == 1);
    s.all.leave(s.act);
    CHECK(s.acts == 2); // one for both
    s.all.enter();
    s.all.leave(s.act);
    CHECK(s.acts == 2);
}

TEST_CASE("an act that is wanted within another follows it") {
    scene s;
    s.act.again = 2;
    s.all.want(false, s.act);
    CHECK(s.acts == 3);
    bool overlaps = false;
    int acts = 0;
    s.all.want(false, [&] {
        if (++acts > 1) return;
        s.all.want(false, [&] { overlaps = true; });
        CHECK(!overlaps);
    });
    CHECK(acts == 2); // whoever does it, does it as he would
    CHECK(!overlaps);
}

TEST_CASE("sections may run within an act of their own thread") {
    scene s;
    int inside = 0;
    s.all.want(false, [&] {
        s.all.enter();
        s.all.enter();
        ++inside;
        s.all.leave(s.act);
        s.all.leave(s.act);
    });
    CHECK(inside == 1);
    CHECK(s.acts == 0);
}

TEST_CASE("another thread waits for the end of an act, to begin a section or to close them") {
    keel::sections<played_threads> all;
    all.open();
    played_threads::waits = 0;
    all.want(false, [&] {
        played_threads::running = 2;
        all.enter();
        CHECK(played_threads::waits == 1);
        all.leave([] {});
        played_threads::running = 2;
        all.close();
        CHECK(played_threads::waits == 2);
    });
    CHECK(played_threads::waits == 2);
}

TEST_CASE("what another thread changes first is seen, and nothing of it lost") {
    using overtaken = support::overtaken_atomics<support::exchanges::weak, keel::waiting_atomics>;
    keel::sections<overtaken> all;
    all.open();
    int acts = 0;
    const auto act = [&] { ++acts; };
    support::meanwhile = [&] { all.want(false, act); };
    all.enter();
    CHECK(acts == 1); // nothing ran yet
    support::meanwhile = [&] { all.want(true, act); };
    all.leave(act);
    CHECK(acts == 2);
    CHECK(all.was_noted());
}

TEST_CASE("nothing is done once they are closed, and nothing noted") {
    scene s;
    CHECK(!s.all.was_noted());
    s.all.enter();
    s.all.want(false, s.act);
    CHECK(!s.all.was_noted());
    s.all.close();
    s.all.want(true, s.act);
    s.all.leave(s.act);
    CHECK(s.acts == 0);
    CHECK(!s.all.was_noted());
    s.all.reset();
    s.all.open();
    s.all.want(true, s.act);
    CHECK(s.acts == 1);
    CHECK(s.all.was_noted());
    s.all.want(false, s.act);
    s.all.close();
    CHECK(s.all.was_noted());
    s.all.reset();
    CHECK(!s.all.was_noted());
}

TEST_CASE("an act may close them, and is the last then") {
    scene s;
    s.all.want(false, [&] {
        s.all.want(false, s.act);
        s.all.close();
    });
    s.all.want(false, s.act);
    CHECK(s.acts == 0);
}

TEST_CASE("they are closed once they are open") {
    keel::sections<> all;
    all.enter();
    bool was_open = false;
    const std::jthread opens([&] {
        was_open = true;
        all.open();
        all.leave([] {});
    });
    all.close();
    CHECK(was_open);
}
