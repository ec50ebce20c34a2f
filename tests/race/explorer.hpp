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

using order = std::memory_order;
using where = std::source_location;

struct limits {
    int preemptions = -1; ///< -1: no bound
    int spurious = 0;     ///< failures of weak compare-exchanges for no reason, in one execution
    bool acquire_fences =
        false; ///< without, a fence that acquires is an error: the states need not tell what it would join
    std::uint64_t steps = 2000; ///< of one execution; more is a thread that is stuck
    std::uint64_t executions = 20'000'000;
    bool reduced = true; ///< false: every interleaving and every operation, to compare with
};

struct report {
    std::string failure; ///< empty where there is none
    std::string replay;  ///< [count]thread[which store, 0 the latest] ...
    std::uint64_t executions = 0;
    std::uint64_t states = 0;
    bool complete = false; ///< all that the limits allow has been seen
    explicit operator bool() const noexcept { return failure.empty(); }
};

/// An operation that is not relaxed. `second`: the order of a compare-exchange that fails.
struct site {
    const char* file;
    unsigned line, column;
    bool second;
    order given;
    const char* function;
    std::uint64_t executed = 0;
};

/// Makes every operation of one site weaker.
struct weakening {
    const site* at = nullptr;
    order to = order::relaxed;
};

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
    void require(bool holds, const char* text) {
        if (holds || !report_.failure.empty()) return;
        if (mode_ != mode::learning) report_.failure = text; // what is random proves nothing: the search must find it
        if (in_thread()) give_up();
    }

    /// A thread remembers nothing but `held`, and has acted by nothing but `result` since the last boundary.
    void boundary(std::uint64_t result, std::uint64_t held) noexcept {
        if (!in_thread()) return;
        me().control = mixed(me().control, result);
        me().inner = held;
    }

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

    location_id add(std::uint64_t initial) {
        if (used_ == max_locations) std::fputs("explorer: raise max_locations\n", stderr), std::abort();
        locations_[used_].stores.assign(1, {initial, {}});
        return used_++;
    }
    std::uint64_t load(location_id at, order o, where w) {
        o = adjusted(o, w, false);
        step(at, true, &w, "load");
        location& l = locations_[at];
        if (!in_thread()) return l.last().value;
        const unsigned oldest = oldest_for(at, o);
        const unsigned read = l.latest() - pick(l.latest() - oldest + 1);
        see(at, read, o);
        return learn_value(l.stores[read].value);
    }
    void store(location_id at, std::uint64_t value, order o, where w) {
        o = adjusted(o, w, false);
        step(at, true, &w, "store");
        append(at, value, o, nullptr);
    }
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
                          bool weak, where w) {
        success = adjusted(success, w, false);
        failure = adjusted(failure, w, true);
        step(at, true, &w, "compare_exchange");
        location& l = locations_[at];
        if (!in_thread()) {
            if (l.last().value == expected) return l.last().value = desired, true;
            return expected = l.last().value, false;
        }
        // It succeeds on the latest store or fails on any other that is not as expected.
        const bool can_succeed = l.last().value == expected;
        const bool can_miss = can_succeed && weak && spurious_left_ > 0;
        unsigned found[256], n = 0;
        for (unsigned i = l.latest() + 1; i-- > oldest_for(at, failure);)
            if (l.stores[i].value != expected) found[n++] = i;
        unsigned picked = pick(n + can_succeed + can_miss);
        if (can_succeed && picked-- == 0) {
            see(at, l.latest(), success);
            const view carried = l.last().released;
            append(at, desired, success, &carried);
            return learn_value(1), true;
        }
        const bool missed = picked == n;
        if (missed) --spurious_left_;
        const unsigned read = missed ? l.latest() : found[picked];
        see(at, read, failure);
        expected = l.stores[read].value;
        return learn_value(expected + 2), false;
    }
    void fence(order o, where w) {
        o = adjusted(o, w, false);
        if (!in_thread() || o == order::relaxed) return;
        if (o == order::seq_cst) step(fence_at, true, &w, "fence");
        if (o != order::release) {
            require(limits_.acquire_fences, "a fence that acquires needs limits::acquire_fences");
            me().seen.join(me().unacquired);
        }
        if (o == order::seq_cst) {
            me().seen.join(total_);
            total_.join(me().seen);
        }
        if (o != order::acquire) me().released = me().seen;
    }

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
    void see(location_id at, unsigned read, order o) noexcept {
        if (!in_thread()) return;
        me().seen.raise(at, read);
        const view& carried = locations_[at].stores[read].released;
        (acquires(o) ? me().seen : me().unacquired).join(carried);
        if (acquires(o)) me().unacquired.join(carried);
        if (o == order::seq_cst) total_.raise(at, read);
    }
    void append(location_id at, std::uint64_t value, order o, const view* carried) {
        location& l = locations_[at];
        if (!in_thread()) {
            l.last().value = value;
            return;
        }
        const unsigned next = l.latest() + 1;
        if (next > 255) std::fputs("explorer: too many stores\n", stderr), std::abort();
        me().seen.raise(at, next);
        if (o == order::seq_cst) total_.raise(at, next);
        view v = releases(o) ? me().seen : me().released;
        v.raise(at, next);
        if (carried != nullptr) v.join(*carried);
        l.stores.push_back({value, v});
    }

    order adjusted(order o, const where& w, bool second) {
        if (o == order::relaxed || !in_thread()) return o;
        for (const auto& s : sites_)
            if (s->line == w.line() && s->column == w.column() && s->second == second &&
                std::strcmp(s->file, w.file_name()) == 0)
                return ++s->executed, s.get() == weakening_.at ? weakening_.to : o;
        sites_.push_back(
            std::make_unique<site>(site{w.file_name(), w.line(), w.column(), second, o, w.function_name(), 1}));
        return o;
    }

    // --- who goes on ---

    void mark_shared(location_id at, bool ordered) {
        if (!in_thread()) return;
        location& l = locations_[at];
        const bool before = l.is_shared();
        l.users |= 1U << current_;
        l.by_many |= (l.users & (l.users - 1)) != 0;
        l.is_ordered |= ordered;
        if (!before && l.is_shared() && mode_ == mode::searching) begin_again_ = true, give_up();
    }
    void step(location_id at, bool ordered, const where* w = nullptr, const char* what = "clock") {
        if (!in_thread()) return;
        mark_shared(at, ordered);
        if (mode_ == mode::following) {
            while (next_step_ < script_.size() && script_[next_step_].thread != current_)
                go_to(script_[next_step_].thread);
        } else if (locations_[at].is_shared()) {
            schedule();
        }
        log_.push_back({current_, 0});
        if (mode_ == mode::following) {
            const char* file = w == nullptr ? "" : std::strrchr(w->file_name(), '/') + 1;
            std::printf(
                "  %c  %-16s #%-3u %s:%u  was %#llx\n", 'a' + current_, what, at, file, w ? w->line() : 0,
                static_cast<unsigned long long>(locations_[at].stores.empty() ? 0 : locations_[at].last().value));
            ++next_step_;
        }
        me().inner = mixed(me().inner, at);
        if (log_.size() > limits_.steps) require(false, "stuck: too many steps");
    }
    void schedule() {
        if (just_chosen_) {
            just_chosen_ = false;
            return;
        }
        if (was_visited()) give_up();
        if (preemptions_left_ == 0) return;
        int others[max_threads], n = 0;
        for (int i = 0; i < program_.threads; ++i)
            if (i != current_ && !threads_[static_cast<unsigned>(i)].done) others[n++] = i;
        const unsigned picked = choose(static_cast<unsigned>(n) + 1);
        if (picked == 0) return;
        if (preemptions_left_ > 0) --preemptions_left_;
        go_to(others[picked - 1]);
    }
    void go_to(int next) {
        const int self = std::exchange(current_, next);
        just_chosen_ = !started_[next];
        started_[next] = true;
        swapcontext(self < 0 ? &main_ : &threads_[static_cast<unsigned>(self)].context,
                    &threads_[static_cast<unsigned>(next)].context);
    }
    void give_up() {
        ucontext_t& self = me().context;
        current_ = -1;
        swapcontext(&self, &main_);
    }
    static void body() {
        explorer& e = the();
        e.program_.run(e.current_);
        e.me().done = true;
        e.just_chosen_ = false;
        int others[max_threads], n = 0;
        for (int i = 0; i < e.program_.threads; ++i)
            if (!e.threads_[static_cast<unsigned>(i)].done) others[n++] = i;
        if (n == 0) e.completed_ = true;
        if (n == 0 || e.was_visited()) e.give_up();
        if (e.mode_ == mode::following)
            e.go_to(e.next_step_ < e.script_.size() ? e.script_[e.next_step_].thread : others[0]);
        else
            e.go_to(others[e.choose(static_cast<unsigned>(n))]);
    }

    // --- which way ---

    unsigned pick(unsigned n) {
        unsigned picked = 0;
        if (mode_ != mode::following)
            picked = choose(n);
        else if (next_step_ <= script_.size())
            picked = std::min(script_[next_step_ - 1].picked, n - 1);
        return log_.back().picked = picked;
    }
    unsigned choose(unsigned n) {
        if (n == 1) return 0;
        if (mode_ == mode::learning) return static_cast<unsigned>(random_() % n);
        if (depth_ == choices_.size()) choices_.push_back({0, n});
        return choices_[depth_++].taken;
    }
    bool next_choices() {
        while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().of)
            choices_.pop_back();
        if (choices_.empty()) return false;
        ++choices_.back().taken;
        return true;
    }
    bool was_visited() {
        if (mode_ != mode::searching || depth_ < choices_.size() || !limits_.reduced) return false;
        return !visited_.insert(state()).second;
    }
    std::uint64_t state() {
        std::array<std::uint8_t, max_locations> floor;
        location_id live[max_locations];
        unsigned n = 0;
        std::uint64_t h = mixed(static_cast<std::uint64_t>(now_), static_cast<std::uint64_t>(preemptions_left_));
        h = mixed(h, static_cast<std::uint64_t>(spurious_left_) << 8 |
                         static_cast<std::uint64_t>(limits_.preemptions < 0 && !me().done ? 0 : current_ + 1));
        for (location_id at = 2; at < used_; ++at) {
            location& l = locations_[at];
            if (l.stores.size() == 1) continue;
            if (!l.is_shared()) {
                h = mixed(mixed(h, at), l.last().value);
                continue;
            }
            floor[at] = 255;
            for (const thread& t : threads_)
                if (!t.done) floor[at] = std::min(floor[at], t.seen.of[at]);
            live[n++] = at;
        }
        const auto add_view = [&](const view& v) {
            std::array<std::uint64_t, max_locations / 8> words;
            auto* bytes = reinterpret_cast<std::uint8_t*>(words.data());
            words[n / 8 % words.size()] = 0;
            for (unsigned i = 0; i < n; ++i)
                bytes[i] = static_cast<std::uint8_t>(std::max(v.of[live[i]], floor[live[i]]) - floor[live[i]]);
            for (unsigned i = 0; i < (n + 7) / 8; ++i)
                h = mixed(h, words[i]);
        };
        for (unsigned i = 0; i < n; ++i) {
            h = mixed(h, live[i]);
            for (unsigned s = floor[live[i]]; s < locations_[live[i]].stores.size(); ++s) {
                h = mixed(h, locations_[live[i]].stores[s].value);
                add_view(locations_[live[i]].stores[s].released);
            }
        }
        add_view(total_);
        for (const thread& t : threads_) {
            h = mixed(h, t.done);
            if (t.done) continue;
            h = mixed(mixed(h, t.control), t.inner);
            add_view(t.seen);
            add_view(t.released);
            if (limits_.acquire_fences) add_view(t.unacquired);
        }
        const auto* ghost = static_cast<const unsigned char*>(program_.ghost());
        for (std::size_t i = 0; i < program_.ghost_size; ++i)
            h = mixed(h, ghost[i]);
        return h;
    }

    // --- one execution, and all of them ---

    void execute() {
        current_ = -1;
        used_ = 2;
        now_ = 0;
        depth_ = 0;
        next_step_ = 0;
        total_ = {};
        log_.clear();
        completed_ = begin_again_ = just_chosen_ = false;
        preemptions_left_ = mode_ == mode::learning ? -1 : limits_.preemptions;
        spurious_left_ = limits_.spurious;
        for (location& l : locations_)
            l.users = 0;
        for (location& l : {std::ref(locations_[0]), std::ref(locations_[1])})
            l.stores.clear();
        program_.make();
        for (unsigned i = 0; i < max_threads; ++i) {
            thread& t = threads_[i];
            t.seen = t.unacquired = t.released = {};
            t.control = t.inner = i;
            started_[i] = false;
            if ((t.done = static_cast<int>(i) >= program_.threads)) continue;
            getcontext(&t.context);
            t.context.uc_stack.ss_sp = t.stack.data();
            t.context.uc_stack.ss_size = t.stack.size();
            makecontext(&t.context, body, 0);
        }
        go_to(mode_ == mode::following ? (script_.empty() ? 0 : script_[0].thread)
                                       : static_cast<int>(choose(static_cast<unsigned>(program_.threads))));
        current_ = -1;
        ++report_.executions;
        if (completed_ && report_.failure.empty()) program_.check();
    }
    report explore_program(const limits& l, weakening w, const std::string& script) {
        limits_ = l;
        weakening_ = w;
        report_ = {};
        choices_.clear();
        visited_.clear();
        for (location& at : locations_)
            at.by_many = at.is_ordered = !l.reduced;
        mode_ = script.empty() ? mode::learning : mode::following;
        script_ = parsed(script);
        random_.seed(1);
        for (int i = 0; mode_ == mode::learning && i < 200; ++i)
            execute();
        report_ = {};
        if (mode_ == mode::following)
            execute();
        else
            mode_ = mode::searching, search();
        if (!report_) report_.replay = printed(log_);
        report_.states = visited_.size();
        return report_;
    }
    void search() {
        do {
            execute();
            if (begin_again_) choices_.clear(), visited_.clear();
        } while (report_ && report_.executions < limits_.executions && (begin_again_ || next_choices()));
        report_.complete = report_ && report_.executions < limits_.executions;
    }
    static std::string printed(const std::vector<taken_step>& log) {
        std::string s;
        for (std::size_t i = 0; i < log.size();) {
            std::size_t n = 1;
            while (log[i].picked == 0 && i + n < log.size() && log[i + n].thread == log[i].thread &&
                   log[i + n].picked == 0)
                ++n;
            if (n > 1) s += std::to_string(n);
            s += static_cast<char>('a' + log[i].thread);
            if (log[i].picked != 0) s += '/' + std::to_string(log[i].picked);
            s += ' ';
            i += n;
        }
        return s;
    }
    static std::vector<taken_step> parsed(const std::string& s) {
        std::vector<taken_step> log;
        for (std::size_t i = 0; i < s.size(); ++i) {
            unsigned n = 0, picked = 0;
            for (; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i)
                n = n * 10 + static_cast<unsigned>(s[i] - '0');
            if (i == s.size() || s[i] < 'a' || s[i] > 'd') continue;
            const int thread = s[i] - 'a';
            if (i + 1 < s.size() && s[i + 1] == '/')
                for (i += 2; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i)
                    picked = picked * 10 + static_cast<unsigned>(s[i] - '0');
            log.insert(log.end(), n == 0 ? 1 : n, {thread, picked});
        }
        return log;
    }

    limits limits_;
    weakening weakening_;
    report report_;
    program program_{};
    mode mode_ = mode::searching;
    int current_ = -1; // -1: what is before and after the threads
    location_id used_ = 2;
    std::int64_t now_ = 0;
    int preemptions_left_ = 0, spurious_left_ = 0;
    bool completed_ = false, begin_again_ = false, just_chosen_ = false, started_[max_threads]{};
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
