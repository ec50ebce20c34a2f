// SPDX-License-Identifier: BSL-1.0

// Permits and the line of those who wait for one. Nobody here looks twice: who waits is asked at the end whether it has
// got what it must have got by then.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <keel/sync/fair_permits.hpp>

#include <cstdint>

namespace race {
namespace {

constexpr limits all{};
enum class standing : std::uint64_t { outside, holds, waits, left };

struct notes {
    std::uint64_t holding = 0, most = 0, tries = 0, refused = 0;
    standing is[4]{};
    std::uint64_t place[4]{};
};

/// Callers that each hold at most one permit or one place in line, by their own account. Places come round after four
/// laps.
template <int Threads, std::uint32_t Permits>
struct gate {
    static constexpr int threads = Threads;
    static constexpr std::uint32_t permits = Permits;
    using permits_type = keel::fair_permits<2, checked_atomics, 3>;
    using entry = permits_type::entry;
    using ticket = permits_type::ticket;

    permits_type it;
    atomic<std::uint64_t> data{0}; // of who holds the only permit
    notes ghost;

    bool holds(int i) const { return ghost.is[i] == standing::holds; }
    bool waits(int i) const { return ghost.is[i] == standing::waits; }
    ticket place(int i) const { return ticket{static_cast<std::uint32_t>(ghost.place[i])}; }

    void take(int i) {
        ++ghost.tries;
        if (it.try_take(permits))
            now_holds(i);
        else
            ++ghost.refused;
    }
    void enter(int i) {
        ticket t{};
        const entry e = it.enter(permits, t);
        if (e == entry::took_permit) return now_holds(i);
        require(e == entry::in_line, "the line is full");
        ghost.is[i] = standing::waits;
        ghost.place[i] = static_cast<std::uint64_t>(t);
    }
    void look(int i) {
        if (it.is_handed_over(place(i))) now_holds(i);
    }
    void leave(int i) {
        if (it.leave(place(i)))
            ghost.is[i] = standing::left;
        else
            now_holds(i);
    }
    void give_back(int i) {
        --ghost.holding;
        ghost.is[i] = standing::outside;
        it.give_back(permits);
    }
    /// What one holder has done the next one sees.
    void work() {
        const std::uint64_t seen = data.load(order::relaxed);
        data.store(seen + 1, order::relaxed);
        ++ghost.most;
    }
    void require_all_work_seen() { require(data.load() == ghost.most, "a holder did not see what the one before did"); }

    /// Nobody has a permit, nobody stands in line, and all permits can be taken.
    void require_all_free() {
        require(it.in_use(permits) == 0, "a permit is lost");
        require(it.waiting() == 0, "a place in line is lost");
        for (std::uint32_t i = 0; i < permits; ++i)
            require(it.try_take(permits), "a free permit is refused");
        require(!it.try_take(permits), "there is a permit too many");
    }
    /// As above, after those who still have or have got one have given it back.
    void require_all_come_back() {
        for (int i = 0; i < 4; ++i)
            if (waits(i)) look(i);
        for (int round = 0; round < 4; ++round) {
            for (int i = 0; i < 4; ++i)
                if (holds(i)) give_back(i);
            for (int i = 0; i < 4; ++i)
                if (waits(i)) look(i);
        }
        for (int i = 0; i < 4; ++i)
            require(!waits(i), "one who waits is forgotten");
        require_all_free();
    }

  private:
    void now_holds(int i) {
        require(++ghost.holding <= permits, "more have a permit than there are permits");
        ghost.is[i] = standing::holds;
    }
};

// Whoever comes when: never more holders than permits, of those who come at once as many get one as there are, and
// each sees what the one before it did.
template <int Threads, std::uint32_t Permits>
struct last_permits : gate<Threads, Permits> {
    void run(int i) { this->take(i); }
    void check() {
        require(this->ghost.holding == Permits, "a free permit is refused to all");
        this->require_all_come_back();
    }
};
template <int Threads>
struct one_at_a_time : gate<Threads, 1> {
    void run(int i) {
        for (int round = 0; round < (Threads == 2 ? 2 : 1); ++round) {
            this->take(i);
            if (!this->holds(i)) continue;
            this->work();
            this->give_back(i);
        }
    }
    void check() {
        require(this->ghost.refused < this->ghost.tries, "a free permit is refused to all");
        this->require_all_work_seen();
        this->require_all_free();
    }
};

// Who comes after a permit has come back gets it, or somebody else has.
struct comes_after : gate<3, 1> {
    atomic<std::uint64_t> is_back{0};
    void run(int i) {
        if (i == 2 && is_back.load(order::acquire) == 0) return;
        take(i);
        if (i != 0 || !holds(0)) return;
        give_back(0);
        is_back.store(1, order::release);
    }
    void check() {
        require(holds(1) || holds(2) || ghost.tries < 3, "a free permit is refused");
        require_all_come_back();
    }
};

// A permit comes back, and somebody comes for it: it is neither lost nor forgotten, whether the line was there in time.
struct comes_as_one_goes : gate<2, 1> {
    comes_as_one_goes() { take(0); }
    void run(int i) {
        if (i == 0) {
            work();
            return give_back(0);
        }
        enter(1);
        if (holds(1)) work();
    }
    void check() {
        if (waits(1)) look(1);
        require(holds(1), "one who waits is not told of a free permit");
        require_all_work_seen();
        require_all_come_back();
    }
};
// As above, told by the look of who waits: what it sees then.
struct sees_what_was_done : gate<2, 1> {
    sees_what_was_done() {
        take(0);
        enter(1);
    }
    void run(int i) {
        if (i == 0) {
            work();
            return give_back(0);
        }
        look(1);
        if (holds(1)) work();
    }
    void check() {
        require_all_work_seen();
        require_all_come_back();
    }
};

// Nobody overtakes who waits: not who tries for a permit, nor who gets in line.
template <bool Enters>
struct nobody_overtakes : gate<2, 1> {
    nobody_overtakes() {
        take(3);
        enter(2);
    }
    void run(int i) {
        if (i == 0) return give_back(3);
        if (Enters)
            enter(1);
        else
            take(1);
    }
    void check() {
        require(!holds(1), "a newcomer has overtaken who waits");
        look(2);
        require(holds(2), "one who waits is not told of a free permit");
        if (waits(1)) look(1);
        require(!holds(1), "two have the only permit");
        require_all_come_back();
    }
};

// Two get in line as the only permit comes back: who is first in line has it.
struct first_come_first_served : gate<3, 1> {
    first_come_first_served() { take(3); }
    void run(int i) {
        if (i == 0)
            give_back(3);
        else
            enter(i);
    }
    void check() {
        const bool both = waits(1) && waits(2);
        for (int i = 1; i < 3; ++i)
            if (waits(i)) look(i);
        require(holds(1) != holds(2), "not one of the two has the permit");
        if (both) require(holds(ghost.place[1] < ghost.place[2] ? 1 : 2), "the second in line came first");
        require_all_come_back();
    }
};
// Who gives back hands over twice: the second time what the first one in line has had and given back by then.
struct hands_over_twice : gate<3, 1> {
    hands_over_twice() {
        take(0);
        enter(1);
        enter(2);
    }
    void run(int i) {
        if (i != 0) look(i);
        if (!holds(i)) return;
        work();
        if (i != 2) give_back(i);
    }
    void check() {
        require_all_work_seen();
        require_all_come_back();
    }
};
// Two permits come back at once, to a line of two.
struct both_are_served : gate<2, 2> {
    both_are_served() {
        take(0);
        take(1);
        enter(2);
        enter(3);
    }
    void run(int i) { give_back(i); }
    void check() {
        look(2);
        look(3);
        require(holds(2) && holds(3), "one who waits is not told of a free permit");
        require_all_come_back();
    }
};

// One leaves the line at the very moment when the permit comes: it has it, or the next has it, or it is free.
template <bool Another>
struct leaves_at_hand_over : gate<2, 1> {
    leaves_at_hand_over() {
        take(0);
        enter(1);
        if (Another) enter(2);
    }
    void run(int i) {
        if (i == 1) {
            leave(1);
            if (holds(1)) work();
            return;
        }
        work();
        give_back(0);
    }
    void check() {
        require_all_work_seen();
        if (Another) look(2);
        require(holds(1) || !Another || holds(2), "the next in line is not told of a free permit");
        require_all_come_back();
    }
};
struct both_leave_at_hand_over : gate<3, 1> {
    both_leave_at_hand_over() {
        take(0);
        enter(1);
        enter(2);
    }
    void run(int i) {
        if (i == 0)
            give_back(0);
        else
            leave(i);
    }
    void check() {
        require(!(holds(1) && holds(2)), "two have the only permit");
        require_all_come_back();
    }
};

// The line is full, and its first place becomes free as somebody comes: that one is told that the line is full, or has
// the place, and gets nothing that was meant for another.
enum class frees { who_leaves, hand_over };
template <frees By>
struct place_is_used_again : gate<2, 1> {
    place_is_used_again() {
        take(0);
        enter(1);
        enter(2);
    }
    void run(int i) {
        if (i == 0) return By == frees::hand_over ? give_back(0) : leave(1);
        ticket t{};
        const entry e = it.enter(permits, t);
        if (e == entry::line_is_full) return;
        require(e == entry::in_line, "a newcomer has overtaken who waits");
        ghost.is[3] = standing::waits;
        ghost.place[3] = static_cast<std::uint64_t>(t);
    }
    void check() {
        if (By == frees::who_leaves) give_back(0);
        for (int i = 1; i < 4; ++i)
            if (waits(i)) look(i);
        require(!holds(3), "a newcomer has overtaken who waits");
        require(holds(By == frees::hand_over ? 1 : 2), "the first in line has not got the permit");
        require_all_come_back();
    }
};
// Who was handed a permit long ago sees what its last holder did, though its place has been used again since.
struct looks_late : gate<3, 1> {
    looks_late() {
        take(0);
        enter(1);
        enter(2);
        leave(2);
    }
    void run(int i) {
        if (i == 0) {
            work();
            return give_back(0);
        }
        if (i == 1) {
            look(1);
            if (holds(1)) work();
            return;
        }
        ticket t{};
        if (it.enter(permits, t) == entry::in_line) it.leave(t);
    }
    void check() {
        require_all_work_seen();
        require_all_come_back();
    }
};

// Two come for one permit, and a third gets in line behind whoever is just being turned away.
struct turned_away_before_a_line : gate<3, 1> {
    void run(int i) {
        if (i == 2) return enter(2);
        take(i);
        if (!holds(i)) return;
        work();
        give_back(i);
    }
    void check() {
        if (waits(2)) look(2);
        require(holds(2), "one who waits is not told of a free permit");
        work();
        require_all_work_seen();
        require_all_come_back();
    }
};

} // namespace

scenario_list permit_scenarios() {
    return {
        {"last_permit_of_2", all, explore_one<last_permits<2, 1>>},
        {"last_permit_of_3", all, explore_one<last_permits<3, 1>>},
        {"last_two_permits_of_3", all, explore_one<last_permits<3, 2>>},
        {"one_at_a_time_2", all, explore_one<one_at_a_time<2>>},
        {"one_at_a_time_3", all, explore_one<one_at_a_time<3>>},
        {"comes_after", all, explore_one<comes_after>},
        {"comes_as_one_goes", all, explore_one<comes_as_one_goes>},
        {"sees_what_was_done", all, explore_one<sees_what_was_done>},
        {"nobody_overtakes_by_trying", all, explore_one<nobody_overtakes<false>>},
        {"nobody_overtakes_in_line", all, explore_one<nobody_overtakes<true>>},
        {"first_come_first_served", all, explore_one<first_come_first_served>},
        {"hands_over_twice", all, explore_one<hands_over_twice>},
        {"both_are_served", all, explore_one<both_are_served>},
        {"leaves_at_hand_over", all, explore_one<leaves_at_hand_over<false>>},
        {"leaves_before_another", all, explore_one<leaves_at_hand_over<true>>},
        {"both_leave_at_hand_over", all, explore_one<both_leave_at_hand_over>},
        {"place_of_who_left", all, explore_one<place_is_used_again<frees::who_leaves>>},
        {"place_of_who_was_served", all, explore_one<place_is_used_again<frees::hand_over>>},
        {"looks_late", all, explore_one<looks_late>},
        {"turned_away_before_a_line", all, explore_one<turned_away_before_a_line>},
    };
}

} // namespace race
