// SPDX-License-Identifier: BSL-1.0
#include <keel/drive/hooks.hpp>

#include <doctest/doctest.h>

using keel::detail::absent;
using keel::detail::hooks;

namespace {
struct base {
    static keel::admission yes() { return keel::proceed; }
    static keel::verdict keep() { return keel::verdict::keep(); }
};
struct stateless : base {
    struct frame {
        int value = 0;
    };
    keel::admission admit(keel::call&, frame& f) const { return f.value = 1, yes(); }
    keel::verdict settle(keel::call&, frame& f, auto&) const { return f.value += 10, keep(); }
    void abandon(keel::call&, frame& f) const noexcept { f.value = -1; }
    bool fast_admit(keel::call&, frame& f) const noexcept { return f.value = 2, true; }
    bool fast_settle(keel::call&, frame& f) const noexcept { return f.value += 20, true; }
};
struct counter {
    int value = 0;
};
struct stateful : base {
    keel::admission admit(counter& s, keel::call&, auto&) const { return s.value = 1, yes(); }
    keel::verdict settle(counter& s, keel::call&, auto&, auto&) const { return s.value += 10, keep(); }
    bool fast_admit(counter& s, keel::call&) const noexcept { return s.value = 2, true; }
    bool fast_settle(counter& s, keel::call&) const noexcept { return s.value += 20, false; }
    keel::admission fast_refuse(counter& s, keel::call&) const noexcept {
        return s.value = 3, keel::refuse(keel::errc::refused);
    }
};
} // namespace

TEST_CASE("a policy that keeps no state gets the call and its frame") {
    using mine = hooks<stateless, absent>;
    static_assert(mine::lane == keel::detail::express_lane::with_frame && !mine::has_fast_refuse);
    const stateless p;
    absent none;
    const mine h{p, none};
    keel::call c;
    keel::outcome_of<int> o;
    stateless::frame f;
    CHECK(h.admit(c, f).granted());
    CHECK(!h.settle(c, f, o).again);
    CHECK(f.value == 11);
    CHECK(h.fast_admit(c, f));
    CHECK(h.fast_settle(c, f));
    CHECK(f.value == 22);
    h.abandon(c, f);
    CHECK(f.value == -1);
}

TEST_CASE("a policy that keeps a state gets it first, and may leave out what it has no use for") {
    using mine = hooks<stateful, counter>;
    static_assert(mine::lane == keel::detail::express_lane::without_frame && mine::has_fast_refuse);
    const stateful p;
    counter s;
    const mine h{p, s};
    keel::call c;
    keel::outcome_of<int> o;
    keel::frame_of<stateful> f;
    absent no_frame;
    CHECK(h.admit(c, f).granted());
    CHECK(!h.settle(c, f, o).again);
    CHECK(s.value == 11);
    CHECK(h.fast_admit(c, no_frame));
    CHECK(!h.fast_settle(c, no_frame));
    CHECK(s.value == 22);
    CHECK(h.fast_refuse(c).reason == keel::errc::refused);
    CHECK(s.value == 3);
    h.abandon(c, f);
    CHECK(s.value == 3);
}
