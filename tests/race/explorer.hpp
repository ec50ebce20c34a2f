#pragma once
// SPDX-License-Identifier: BSL-1.0

// Runs a few threads through every interleaving, under the memory model of C++20: depth-first over which thread takes
// the next step, and over which store each load reads.
//
// The model. Each location has its stores in modification order; each thread has a view, the oldest store of each
// location that it may still read. A store carries the view that it released, an acquiring load joins it to its own; a
// read-modify-write reads the latest store and carries on what that had released; fences keep a view for the stores
// after them, and of the loads before them. Sequentially consistent operations take one view of all further.
//
// What it can't see. Stores enter the modification order as they are executed, so no load reads what is stored later in
// the order of the run (no load buffering), and no two stores change places (no 2+2W). A strengthening of C++20: the
// order of all sequentially consistent operations is that of the run. Nothing is assumed of weak compare-exchanges
// beyond `limits::spurious` failures. Plain data is not watched for races: keel's lock-free parts share none.
//
// Why it ends. A state is what every thread did since its last boundary, the stores that can still be read, the views
// of them and the `ghost`: one that was seen before is not explored again. This stays sound with a bound on
// preemptions, for what is left of the bound is part of the state; sleep sets would not. Operations on a location that
// one thread alone uses, and additions to one that nobody reads until the end, are no places to switch at: which
// locations these are is learnt, and everything is begun again when one of them turns out to be shared.
// So is whether any fence acquires: only then a state tells what it would join. A thread that waits for another says
// so, and sees what is stored once it has looked often enough.

#include "report.hpp"

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <source_location>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

namespace race {

using where = std::source_location;

class explorer {
  public:
    static constexpr int max_threads = 4;
    static constexpr unsigned max_locations = 192;
    using location_id = std::uint16_t;

    static explorer& the() noexcept {
        static explorer one;
        return one;
    }

    /// `World` is made anew for each execution; then `run(thread)` by each of `World::threads`; then `check()`. What
    /// the threads note for `check` is in its member `ghost`, of unique representation. Nothing in it may own memory:
    /// it is not destroyed, and neither is what is on the stacks of an execution that is given up.
    template <class World>
    report explore(const limits& l = {}, weakening w = {}, const std::string& script = {}) {
        static_assert(World::threads <= max_threads);
        static_assert(std::has_unique_object_representations_v<decltype(World::ghost)>);
        alignas(World) static std::byte storage[sizeof(World)];
        static World* world;
        program_ = {[] { world = ::new (static_cast<void*>(storage)) World; },
                    [](int i) { world->run(i); },
                    [] { world->check(); },
                    nullptr,
                    sizeof(World::ghost),
                    World::threads};
        program_.ghost = [] { return static_cast<const void*>(&world->ghost); };
        return explore_program(l, w, script);
    }

    /// Ends the execution with a failure. From anywhere.
    void require(bool holds, const char* text);

    /// A thread remembers nothing but `held`, and has acted by nothing but `result` since the last boundary.
    void boundary(std::uint64_t result, std::uint64_t held) noexcept {
        if (!in_thread()) return;
        me().control = mixed(me().control, result);
        me().inner = held;
    }

    /// A thread goes round a loop, in which it waits for another: it remembers nothing since the last boundary but
    /// where it is. All that is left to wait for one another is a failure.
    void wait(const where& w);

    bool in_thread() const noexcept { return current_ >= 0; }
    int current() const noexcept { return current_; }
    const std::vector<std::unique_ptr<site>>& sites() const noexcept { return sites_; }

    // The clock: one for all, never stale, and it orders nothing.
    std::int64_t now() {
        step(clock_at, true);
        learn_value(static_cast<std::uint64_t>(now_));
        return now_;
    }
    void advance(std::int64_t by) {
        step(clock_at, true);
        now_ += by;
    }

    location_id add(std::uint64_t initial);
    std::uint64_t load(location_id at, order o, where w);
    void store(location_id at, std::uint64_t value, order o, where w);
    template <class Update>
    std::uint64_t modify(location_id at, order o, where w, bool is_sum, Update update) {
        o = adjusted(o, w, false);
        step(at, !is_sum || o != order::relaxed, &w, "modify");
        const std::uint64_t old = locations_[at].last().value;
        see(at, locations_[at].latest(), o);
        const view carried = locations_[at].last().released;
        append(at, update(old), o, &carried);
        return old;
    }
    /// The result of a sum is used: it is more than a count.
    void use(location_id at, std::uint64_t value) {
        mark_shared(at, true);
        learn_value(value);
    }
    bool compare_exchange(location_id at, std::uint64_t& expected, std::uint64_t desired, order success, order failure,
                          bool weak, where w);
    void fence(order o, where w);

  private:
    static constexpr location_id clock_at = 0, fence_at = 1;

    struct view {
        std::array<std::uint8_t, max_locations> of{};
        void join(const view& v) noexcept {
            for (unsigned i = 0; i < max_locations; ++i)
                of[i] = std::max(of[i], v.of[i]);
        }
        void raise(location_id at, unsigned to) noexcept { of[at] = std::max(of[at], static_cast<std::uint8_t>(to)); }
    };
    struct written {
        std::uint64_t value;
        view released;
    };
    struct location {
        std::vector<written> stores;
        unsigned users = 0;                       // threads, in this execution
        bool by_many = false, is_ordered = false; // in any execution
        bool is_shared() const noexcept { return by_many && is_ordered; }
        written& last() noexcept { return stores.back(); }
        unsigned latest() const noexcept { return static_cast<unsigned>(stores.size()) - 1; }
    };
    struct thread {
        view seen, unacquired, released; // what it may not read behind; what its loads could acquire; its last fence
        std::uint64_t control = 0, inner = 0;
        unsigned rounds = 0; // of waiting, since anybody has stored something
        bool done = false;
        ucontext_t context{};
        std::vector<char> stack = std::vector<char>(64 * 1024);
    };
    struct choice {
        unsigned taken, of;
    };
    struct taken_step {
        int thread;
        unsigned picked;
    };
    struct program {
        void (*make)();
        void (*run)(int);
        void (*check)();
        const void* (*ghost)();
        std::size_t ghost_size;
        int threads;
    };
    enum class mode { learning, searching, following };

    thread& me() noexcept { return threads_[static_cast<unsigned>(current_)]; }
    static constexpr std::uint64_t mixed(std::uint64_t h, std::uint64_t v) noexcept {
        h = (h ^ v) * 0x9fb2'1c65'1e98'df25;
        return h ^ h >> 32;
    }
    std::uint64_t learn_value(std::uint64_t value) noexcept {
        if (in_thread()) me().inner = mixed(me().inner, value);
        return value;
    }
    static bool acquires(order o) noexcept { return o == order::acquire || o == order::acq_rel || o == order::seq_cst; }
    static bool releases(order o) noexcept { return o == order::release || o == order::acq_rel || o == order::seq_cst; }

    unsigned oldest_for(location_id at, order o) noexcept {
        return o == order::seq_cst ? std::max(me().seen.of[at], total_.of[at]) : me().seen.of[at];
    }
    void see(location_id at, unsigned read, order o) noexcept;
    void append(location_id at, std::uint64_t value, order o, const view* carried);

    order adjusted(order o, const where& w, bool second);

    // --- who goes on ---

    void mark_shared(location_id at, bool ordered);
    void step(location_id at, bool ordered, const where* w = nullptr, const char* what = "clock");
    void schedule();
    void go_to(int next);
    void give_up();
    static void body();

    // --- which way ---

    unsigned pick(unsigned n);
    unsigned choose(unsigned n);
    bool next_choices();
    bool was_visited();
    std::uint64_t state();

    // --- one execution, and all of them ---

    void execute();
    report explore_program(const limits& l, weakening w, const std::string& script);
    void search();
    static std::string printed(const std::vector<taken_step>& log);
    static std::vector<taken_step> parsed(const std::string& s);

    limits limits_;
    weakening weakening_;
    report report_;
    program program_{};
    mode mode_ = mode::searching;
    int current_ = -1; // -1: what is before and after the threads
    location_id used_ = 2;
    std::int64_t now_ = 0;
    int preemptions_left_ = 0, spurious_left_ = 0;
    bool fences_acquire_ = false, completed_ = false, begin_again_ = false, just_chosen_ = false,
         started_[max_threads]{};
    view total_; // of the sequentially consistent operations so far
    std::array<location, max_locations> locations_;
    std::array<thread, max_threads> threads_;
    ucontext_t main_{};
    std::vector<choice> choices_;
    std::size_t depth_ = 0, next_step_ = 0;
    std::vector<taken_step> log_, script_;
    std::unordered_set<std::uint64_t> visited_;
    std::vector<std::unique_ptr<site>> sites_;
    std::mt19937_64 random_;
};

inline void require(bool holds, const char* text) { explorer::the().require(holds, text); }

} // namespace race
