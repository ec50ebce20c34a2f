// SPDX-License-Identifier: BSL-1.0

// The explorer's memory: what each operation may read, and what it makes others see.

#include "explorer.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace race {

void explorer::require(bool holds, const char* text) {
    if (holds || !report_.failure.empty()) return;
    if (mode_ != mode::learning) report_.failure = text; // what is random proves nothing: the search must find it
    if (in_thread()) give_up();
}

explorer::location_id explorer::add(std::uint64_t initial) {
    if (used_ == max_locations) std::fputs("explorer: raise max_locations\n", stderr), std::abort();
    locations_[used_].stores.assign(1, {initial, {}});
    return used_++;
}

std::uint64_t explorer::load(location_id at, order o, where w) {
    o = adjusted(o, w, false);
    step(at, true, &w, "load");
    location& l = locations_[at];
    if (!in_thread()) return l.last().value;
    const unsigned oldest = oldest_for(at, o);
    const unsigned read = l.latest() - pick(l.latest() - oldest + 1);
    see(at, read, o);
    return learn_value(l.stores[read].value);
}

void explorer::store(location_id at, std::uint64_t value, order o, where w) {
    o = adjusted(o, w, false);
    step(at, true, &w, "store");
    append(at, value, o, nullptr);
}

bool explorer::compare_exchange(location_id at, std::uint64_t& expected, std::uint64_t desired, order success,
                                order failure, bool weak, where w) {
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

void explorer::fence(order o, where w) {
    o = adjusted(o, w, false);
    if (!in_thread() || o == order::relaxed) return;
    if (o == order::seq_cst) step(fence_at, true, &w, "fence");
    if (o != order::release) {
        // Without such fences the states need not tell what they would join.
        if (!std::exchange(fences_acquire_, true) && mode_ == mode::searching) begin_again_ = true, give_up();
        me().seen.join(me().unacquired);
    }
    if (o == order::seq_cst) {
        me().seen.join(total_);
        total_.join(me().seen);
    }
    if (o != order::acquire) me().released = me().seen;
}

void explorer::see(location_id at, unsigned read, order o) noexcept {
    if (!in_thread()) return;
    me().seen.raise(at, read);
    const view& carried = locations_[at].stores[read].released;
    (acquires(o) ? me().seen : me().unacquired).join(carried);
    if (acquires(o)) me().unacquired.join(carried);
    if (o == order::seq_cst) total_.raise(at, read);
}

void explorer::append(location_id at, std::uint64_t value, order o, const view* carried) {
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
    for (thread& t : threads_)
        t.rounds = 0;
}

order explorer::adjusted(order o, const where& w, bool second) {
    if (o == order::relaxed || !in_thread()) return o;
    for (const auto& s : sites_)
        if (s->line == w.line() && s->column == w.column() && s->second == second &&
            std::strcmp(s->file, w.file_name()) == 0)
            return ++s->executed, s.get() == weakening_.at ? weakening_.to : o;
    sites_.push_back(
        std::make_unique<site>(site{w.file_name(), w.line(), w.column(), second, o, w.function_name(), 1}));
    return o;
}

} // namespace race
