// SPDX-License-Identifier: BSL-1.0

// A small copy of the sections and their act; and what can be wrong with it.

#include "seeded.hpp"

#include "checked_sections.hpp"

#include <cstdint>

namespace race {
namespace {

using std::uint32_t;

enum class bug {
    none,
    enters_beside_act,  // a section does not wait for the act
    acts_beside,        // an act does not wait for sections
    two_act,            // an act does not wait for another one
    forgets_at_leave,   // a section that ends does nothing of what is wanted
    forgets_after_act,  // ... nor an act
    wanted_before_act,  // the wish is still there when the act is over, or gone
    waits_for_itself,   // a section within the act waits for its end
    acts_when_closed,   // the last section's act, after it has closed
    enters_relaxed,     // a section does not see the act
    leaves_relaxed,     // an act does not see the section
    closes_before_open, // ... whatever the first section still does
    adds_nothing,       // who wants what is wanted already stores nothing, and what he has said is not seen
};

template <bug B>
class copied {
  public:
    void enter() {
        uint32_t now = state_.load(order::relaxed);
        for (;;) {
            const bool is_own = B != bug::waits_for_itself && actor_.load(order::relaxed) == thread_slot() + 1;
            if ((now & acting) != 0 && !is_own && B != bug::enters_beside_act) {
                race::wait();
                now = state_.load(order::relaxed);
            } else if (state_.compare_exchange_weak(now, now + section,
                                                    B == bug::enters_relaxed ? order::relaxed : order::acquire,
                                                    order::relaxed)) {
                return;
            }
        }
    }
    template <class Act>
    void leave(const Act& act) {
        change([](uint32_t now) { return now - section; }, act, B != bug::forgets_at_leave,
               B == bug::leaves_relaxed ? order::acquire : order::acq_rel);
    }
    template <class Act>
    void want(bool is_noted, const Act& act) {
        change([=](uint32_t now) { return now | wanted | (is_noted ? noted : 0U); }, act, true, order::acq_rel, closed);
    }
    void open() { state_.fetch_and(~opening, order::release); }
    void close() {
        uint32_t now = state_.fetch_or(closed, order::acq_rel);
        while ((now & opening) != 0 && B != bug::closes_before_open) {
            race::wait();
            now = state_.load(order::acquire);
        }
    }
    bool was_noted() const { return (state_.load(order::relaxed) & noted) != 0; }

  private:
    static constexpr uint32_t wanted = 1, noted = 2, acting = 4, closed = 8, opening = 16, section = 32;

    static bool may_act(uint32_t state) {
        if (state >= section && B != bug::acts_beside) return false;
        const uint32_t in_way = (B == bug::two_act ? 0 : acting) | (B == bug::acts_when_closed ? 0 : closed);
        return (state & (wanted | in_way)) == wanted;
    }
    template <class By, class Act>
    void change(By by, const Act& act, bool may = true, order how = order::acq_rel, uint32_t too_late = 0) {
        for (bool acts = is_mine_after(by, may, how, too_late); acts;
             acts = is_mine_after([](uint32_t now) { return now & ~acting; }, B != bug::forgets_after_act, how, 0)) {
            actor_.store(thread_slot() + 1, order::relaxed);
            act();
            if (B == bug::wanted_before_act) state_.fetch_and(~wanted, order::relaxed);
            actor_.store(0, order::relaxed);
        }
    }
    template <class By>
    bool is_mine_after(By by, bool may, order how, uint32_t too_late) {
        uint32_t now = state_.load(order::relaxed);
        for (;;) {
            const uint32_t changed = by(now);
            if ((now & too_late) != 0 || (B == bug::adds_nothing && changed == now)) return false;
            const bool acts = may && may_act(changed);
            const uint32_t next = acts ? (changed & ~wanted) | acting : changed;
            if (state_.compare_exchange_weak(now, next, how, order::relaxed)) return acts;
        }
    }

    atomic<uint32_t> state_{opening};
    atomic<std::uintptr_t> actor_{0};
};

// Two threads cancel, or one of them twice, and one runs a section.
template <bug B>
struct cancelled : watched_sections<copied<B>, 3> {
    cancelled() { this->it.open(); }
    void run(int i) {
        if (i == 2)
            this->section(i);
        else
            this->want(i);
    }
    void check() { this->require_all_heard(); }
};
template <bug B>
struct cancelled_within : watched_sections<copied<B>, 2> {
    cancelled_within() {
        this->it.open();
        this->nests = true;
    }
    void run(int i) {
        if (i == 0)
            this->want(i);
        else
            this->section(i);
    }
    void check() { this->require_all_heard(); }
};
template <bug B>
struct cancelled_twice : cancelled_within<B> {
    cancelled_twice() { this->nests = false; }
    void run(int i) {
        if (i == 0) this->want(i);
        cancelled_within<B>::run(i);
    }
};
template <bug B>
struct closed_by_section : cancelled<B> {
    void run(int i) {
        if (i == 2)
            this->close(i);
        else
            this->want(i);
    }
    void check() {}
};
template <bug B>
struct opened_by_another : watched_sections<copied<B>, 2> {
    atomic<std::uint64_t> armed{0};
    opened_by_another() { this->it.enter(); }
    void run(int i) {
        if (i == 0) {
            armed.store(1, order::relaxed);
            this->it.open();
            this->it.leave([] {});
            return;
        }
        this->section(1, [this] {
            this->it.close();
            require(armed.load(order::relaxed) == 1, "what is closed does not see how it was opened");
        });
    }
    void check() {}
};

} // namespace

seeded_list section_bugs() {
    return {
        seed<bug::enters_beside_act, cancelled>("section_beside_cancellation"),
        seed<bug::acts_beside, cancelled>("cancellation_beside_section"),
        seed<bug::two_act, cancelled>("two_cancellations_at_a_time"),
        seed<bug::forgets_at_leave, cancelled>("section_forgets_cancellation"),
        seed<bug::forgets_after_act, cancelled>("cancellation_forgets_another"),
        seed<bug::wanted_before_act, cancelled>("cancellation_loses_another"),
        seed<bug::waits_for_itself, cancelled_within>("cancellation_waits_for_itself"),
        seed<bug::acts_when_closed, closed_by_section>("cancellation_after_the_end"),
        seed<bug::enters_relaxed, cancelled>("section_enters_relaxed"),
        seed<bug::leaves_relaxed, cancelled>("section_leaves_relaxed"),
        seed<bug::closes_before_open, opened_by_another>("closes_before_it_is_open"),
        seed<bug::adds_nothing, cancelled_twice>("same_cancellation_is_not_stored"),
    };
}

} // namespace race
