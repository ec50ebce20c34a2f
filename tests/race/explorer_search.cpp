// SPDX-License-Identifier: BSL-1.0

// The explorer's search: who goes on, which way, what has been seen before, and the script of one execution.

#include "explorer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>

namespace race {

void explorer::mark_shared(location_id at, bool ordered) {
    if (!in_thread()) return;
    location& l = locations_[at];
    const bool before = l.is_shared();
    l.users |= 1U << current_;
    l.by_many |= (l.users & (l.users - 1)) != 0;
    l.is_ordered |= ordered;
    if (!before && l.is_shared() && mode_ == mode::searching) begin_again_ = true, give_up();
}

void explorer::step(location_id at, bool ordered, const where* w, const char* what) {
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
        std::printf("  %c  %-16s #%-3u %s:%u  was %#llx\n", 'a' + current_, what, at, file, w ? w->line() : 0,
                    static_cast<unsigned long long>(locations_[at].stores.empty() ? 0 : locations_[at].last().value));
        ++next_step_;
    }
    me().inner = mixed(me().inner, at);
    if (log_.size() > limits_.steps) require(false, "stuck: too many steps");
}

void explorer::schedule() {
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

void explorer::go_to(int next) {
    const int self = std::exchange(current_, next);
    just_chosen_ = !started_[next];
    started_[next] = true;
    swapcontext(self < 0 ? &main_ : &threads_[static_cast<unsigned>(self)].context,
                &threads_[static_cast<unsigned>(next)].context);
}

void explorer::give_up() {
    ucontext_t& self = me().context;
    current_ = -1;
    swapcontext(&self, &main_);
}

void explorer::body() {
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

void explorer::wait(const where& w) {
    if (!in_thread()) return;
    me().inner = mixed(w.line(), w.column());
    // What a look finds at first may be old; not so for ever.
    if (me().rounds > 0)
        for (location_id at = 2; at < used_; ++at)
            me().seen.raise(at, locations_[at].latest());
    me().rounds = std::min(me().rounds + 1, 3U);
    require(std::ranges::any_of(threads_, [](const thread& t) { return !t.done && t.rounds < 3; }),
            "all wait for ever");
}

unsigned explorer::pick(unsigned n) {
    unsigned picked = 0;
    if (mode_ != mode::following)
        picked = choose(n);
    else if (next_step_ <= script_.size())
        picked = std::min(script_[next_step_ - 1].picked, n - 1);
    return log_.back().picked = picked;
}

unsigned explorer::choose(unsigned n) {
    if (n == 1) return 0;
    if (mode_ == mode::learning) return static_cast<unsigned>(random_() % n);
    if (depth_ == choices_.size()) choices_.push_back({0, n});
    return choices_[depth_++].taken;
}

bool explorer::next_choices() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().of)
        choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
}

bool explorer::was_visited() {
    if (mode_ != mode::searching || depth_ < choices_.size() || !limits_.reduced) return false;
    return !visited_.insert(state()).second;
}

std::uint64_t explorer::state() {
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
        h = mixed(mixed(mixed(h, t.control), t.inner), t.rounds);
        add_view(t.seen);
        add_view(t.released);
        if (fences_acquire_) add_view(t.unacquired);
    }
    const auto* ghost = static_cast<const unsigned char*>(program_.ghost());
    for (std::size_t i = 0; i < program_.ghost_size; ++i)
        h = mixed(h, ghost[i]);
    return h;
}

void explorer::execute() {
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
        t.rounds = 0;
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

report explorer::explore_program(const limits& l, weakening w, const std::string& script) {
    limits_ = l;
    weakening_ = w;
    report_ = {};
    choices_.clear();
    visited_.clear();
    for (location& at : locations_)
        at.by_many = at.is_ordered = !l.reduced;
    fences_acquire_ = !l.reduced;
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

void explorer::search() {
    do {
        execute();
        if (begin_again_) choices_.clear(), visited_.clear();
    } while (report_ && report_.executions < limits_.executions && (begin_again_ || next_choices()));
    report_.complete = report_ && report_.executions < limits_.executions;
}

std::string explorer::printed(const std::vector<taken_step>& log) {
    std::string s;
    for (std::size_t i = 0; i < log.size();) {
        std::size_t n = 1;
        while (log[i].picked == 0 && i + n < log.size() && log[i + n].thread == log[i].thread && log[i + n].picked == 0)
            ++n;
        if (n > 1) s += std::to_string(n);
        s += static_cast<char>('a' + log[i].thread);
        if (log[i].picked != 0) s += '/' + std::to_string(log[i].picked);
        s += ' ';
        i += n;
    }
    return s;
}

std::vector<explorer::taken_step> explorer::parsed(const std::string& s) {
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

} // namespace race
