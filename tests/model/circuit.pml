/* SPDX-License-Identifier: BSL-1.0
 *
 * keel's circuit as its callers see it: admit() and settle() of include/keel/circuit.hpp, one step for each access to an
 * atomic. What is abstracted, and why nothing is lost that is claimed here:
 *
 * - Time. An open period and a lease end at any moment after they began; only that they end is certain. A call may hold a
 *   time that it read long ago.
 * - The window. While closed, a failure may trip the circuit or not.
 * - Generations, so there are as many as one likes: `valid` tells for each thread whether what it holds, the word that it
 *   has read or its permit, is of the present one. Each change of state begins a new one; an open circuit has none, but
 *   the time in its word makes it differ as well.
 * - The lease number wraps at LEASES instead of 16.
 * - The bit `returned` is left out: without it a compare-and-swap succeeds where the circuit's would fail and look again,
 *   so the model can do all that the circuit can, and more.
 * - A trip by overdue calls is a trip by a failure, of a call that vanishes.
 *
 * Before the callee has healed, a call succeeds, fails, is ignored, or vanishes: nobody hears of it again. Afterwards every
 * call succeeds, but takes as long as it likes: longer than its lease, too. Threads call for ever, whatever they are told.
 *
 * Each of these breaks the circuit on purpose; check.py sees that it is noticed:
 *   TAKEOVER_BUMPS        a lease that is taken over begins a new generation
 *   NO_TAKEOVER           a probe that vanished keeps its permit
 *   LOSER_OVERWRITES      the time of opening stands beside the word, and is written before the word is won
 *   GRANT_WITHOUT_CAS     a permit is granted by a load and a store
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef PROBES
#define PROBES 1
#endif
#ifndef NO_TAKEOVER
#define NO_TAKEOVER 0
#endif
#define LEASES 2
#define BY_HAND THREADS

mtype = { closed, open, half_open, success, failure, ignored };

/* The word. The time of opening is who opened. */
mtype state = closed;
byte granted, recorded, lease, opened_by = BY_HAND;

bit over;   /* the open period is */
bit lapsed; /* the lease, which stands beside the word, is */
byte valid; /* a bit for each thread */
bit healed;

/* Ghosts: who won the opening; and how many probes were granted and not given back, as long as none is taken over. */
byte winner = BY_HAND, probes;
bit taken;

#define mine (1 << me)
#define holds (valid & mine)
/* After a takeover the permit is somebody else's. */
#define is_mine (saw_lease == permit_lease && saw_granted > saw_recorded)
#define unchanged (holds && granted == saw_granted && recorded == saw_recorded && lease == saw_lease)

/* A new generation, in which only `holders` hold something valid. */
inline begin(next, grants, holders) {
    state = next; granted = grants; recorded = 0; lease = 0; valid = holders;
    probes = grants; taken = 0; lapsed = 0; winner = BY_HAND;
#ifndef LOSER_OVERWRITES
    over = 0; opened_by = BY_HAND
#endif
}
inline store_opening(by) { over = 0; opened_by = by }
inline begin_open(by) {
    begin(open, 0, 0); winner = by;
#ifndef LOSER_OVERWRITES
    store_opening(by)
#endif
}

inline forget() { saw = 0; saw_granted = 0; saw_recorded = 0; saw_lease = 0 }
inline let_go() { forget(); outcome = 0; permit_lease = 0; valid = valid & ~mine }
inline look() {
    assert(state != open || opened_by == winner);
    saw = state; saw_granted = granted; saw_recorded = recorded; saw_lease = lease
}

proctype caller(byte me) {
    mtype saw, outcome;
    byte saw_granted, saw_recorded, saw_lease, permit_lease;

admit:
    atomic {
        look(); valid = valid | mine;
again:  if
        :: saw == closed -> forget(); goto calling
        :: saw == open && !over -> let_go(); goto next_call
        :: saw == open && over
        :: saw == half_open && saw_granted < PROBES
        :: saw == half_open && saw_granted == PROBES -> goto used_up
        fi
    };
renew: /* To the time of this call, which may have been read long ago. */
    if
    :: lapsed = 0
    :: skip
    fi;
    atomic {
        if
        :: unchanged && saw == open -> begin(half_open, 1, mine)
#ifdef GRANT_WITHOUT_CAS
        :: holds && saw == half_open && saw_granted < PROBES ->
#else
        :: unchanged && saw == half_open && saw_granted < PROBES ->
#endif
            granted = saw_granted + 1; probes = (taken -> 0 : probes + 1);
            assert(probes <= PROBES)
        :: unchanged && saw == half_open && saw_granted == PROBES ->
#ifdef TAKEOVER_BUMPS
            begin(half_open, 1, mine)
#else
            granted = recorded + 1; lease = (lease + 1) % LEASES; probes = 0; taken = 1
#endif
        :: !unchanged -> look(); valid = valid | mine; goto again
        fi;
        permit_lease = lease; forget(); goto calling
    };
used_up:
    if
    :: lapsed && !NO_TAKEOVER -> goto renew
    :: atomic { !lapsed || NO_TAKEOVER -> let_go(); goto next_call }
    fi;

calling: /* What vanishes leaves its permit as it is, and nobody holds it. */
    atomic {
        if
        :: outcome = success
        :: !healed -> outcome = failure
        :: !healed -> outcome = ignored
        :: !healed -> let_go(); goto next_call
        fi
    };

    atomic {
        look();
settle: if
        :: !holds || (saw == closed && outcome != failure) -> let_go(); goto next_call
        :: holds && saw == closed && outcome == failure -> let_go(); goto next_call /* below the threshold */
        :: holds && saw == half_open && outcome == ignored && !is_mine -> let_go(); goto next_call
        :: holds && saw == half_open && outcome == ignored && is_mine
        :: holds && saw == half_open && outcome == success
        :: holds && outcome == failure
        fi
    };
#ifdef LOSER_OVERWRITES
    if
    :: atomic { outcome == failure -> store_opening(me) }
    :: outcome != failure
    fi;
#endif
    atomic {
        if
        :: unchanged && outcome == failure -> begin_open(me)
        :: unchanged && outcome == ignored -> granted--; probes = (taken -> 0 : probes - 1)
        :: unchanged && outcome == success && recorded + 1 < PROBES -> recorded++
        :: unchanged && outcome == success && recorded + 1 == PROBES -> begin(closed, 0, 0)
        :: !unchanged -> look(); goto settle
        fi;
        let_go()
    };
next_call:
    true;
    goto admit
}

/* Lets time pass, heals the callee, and once, in any state, does by hand what a person may. */
init {
    byte t;
    bit by_hand;
    atomic {
        for (t : 0 .. THREADS - 1) { run caller(t) }
        t = 0
    };
    do
    :: atomic { state == open && !over -> over = 1 }
    :: atomic { state == half_open && !lapsed -> lapsed = 1 }
    :: atomic { !healed -> healed = 1 }
#ifdef OPERATOR
    :: atomic { !by_hand -> by_hand = 1;
           if
           :: begin(closed, 0, 0)
           :: begin(half_open, 0, 0)
           :: begin_open(BY_HAND); store_opening(BY_HAND)
           fi }
#endif
    od
}

ltl recovers { [] (healed -> <> [] (state == closed)) }
