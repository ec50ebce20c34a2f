// SPDX-License-Identifier: BSL-1.0

// What keeps a coroutine and its cancellations apart (keel::sections), under every interleaving.

#include "scenarios.hpp"

#include "checked_sections.hpp"

#include <keel/sync/sections.hpp>

namespace race {
namespace {

constexpr limits all{};

template <int Threads>
struct open_sections : watched_sections<keel::sections<waiting_checked_atomics>, Threads> {
    open_sections() { this->it.open(); }
};

// Some cancel while others run sections: never at the same time, and none is lost.
template <int Cancel, int Run, int Times>
struct cancels_beside_sections : open_sections<Cancel + Run> {
    void run(int i) {
        for (int n = 0; n < Times; ++n) {
            if (i < Cancel)
                this->want(i);
            else
                this->section(i);
        }
    }
    void check() { this->require_all_heard(); }
};
// The coroutine goes on within its cancellation, and asks for another one there.
template <bool Another>
struct cancels_within : open_sections<2> {
    cancels_within() { nests = true; }
    void run(int i) {
        if (i == 0) return want(i);
        section(i);
        if (Another) want(i);
    }
    void check() {
        require_all_heard();
        require(ghost.acts >= 2, "a cancellation that is asked for within another is not performed");
    }
};
// The attempt ends while others cancel it, or run sections of it.
template <int Cancel>
struct closes : open_sections<3> {
    void run(int i) {
        if (i < Cancel)
            want(i);
        else if (i == 2)
            close(i);
        else
            section(i);
    }
    void check() {}
};
// The attempt ends where nothing keeps it apart from its cancellation, which it awaits the end of.
struct closes_outside : open_sections<2> {
    void run(int i) {
        if (i == 0) return want(i);
        it.close();
        require(ghost.is_acting == 0, "a cancellation runs on when the gate is closed");
        require(of_acts.load(order::relaxed) == ghost.acts, "what is closed does not see what a cancellation did");
        ghost.is_closed = 1;
    }
    void check() {}
};
// The attempt is ended by another thread than the one that has begun it, whose first section does more at its end.
struct opens_late : watched_sections<keel::sections<waiting_checked_atomics>, 3> {
    atomic<std::uint64_t> armed{0};
    opens_late() { it.enter(); }
    void run(int i) {
        if (i == 0) {
            armed.store(1, order::relaxed);
            it.open();
            it.leave([] {});
        } else if (i == 1) {
            section(1, [this] {
                it.close();
                require(armed.load(order::relaxed) == 1, "what is closed does not see how it was opened");
            });
        } else {
            it.want(false, [] {});
        }
    }
    void check() {}
};

} // namespace

scenario_list section_scenarios() {
    return {
        {"cancels_beside_a_section", all, explore_one<cancels_beside_sections<1, 1, 2>>},
        {"cancels_beside_two_sections", all, explore_one<cancels_beside_sections<1, 2, 1>>},
        {"two_cancel_beside_a_section", all, explore_one<cancels_beside_sections<2, 1, 1>>},
        {"cancels_within", all, explore_one<cancels_within<false>>},
        {"two_cancel_within", all, explore_one<cancels_within<true>>},
        {"closes_beside_a_cancellation", all, explore_one<closes<1>>},
        {"closes_beside_two_cancellations", all, explore_one<closes<2>>},
        {"closes_outside", all, explore_one<closes_outside>},
        {"opens_late", all, explore_one<opens_late>},
    };
}

} // namespace race
