// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <algorithm>
#include <utility>

namespace drivers {

bool result::operator==(const result& other) const {
    const auto agree = [](const auto& a, const auto& b) { return !a || !b || *a == *b; };
    if (how != other.how) return false;
    switch (how) {
    case form::success:
        return agree(value, other.value);
    case form::error:
        return agree(error, other.error);
    case form::exception:
        return true;
    case form::rejection:
        return reason == other.reason && agree(retry_after, other.retry_after);
    }
    return false;
}

std::string text_of(const result& r) {
    switch (r.how) {
    case result::form::success:
        return r.value ? "success with " + std::to_string(*r.value) : "success";
    case result::form::error:
        return r.error ? "error: " + r.error->message() : "an error";
    case result::form::exception:
        return "an exception";
    case result::form::rejection:
        return keel::message(r.reason) +
               (r.retry_after ? ", again after " + std::to_string(r.retry_after->count()) + " ns" : std::string());
    }
    return {};
}

world::world(const story& played) {
    for (const guest& g : played.guests) {
        happenings_.push_back({.at = g.from, .comes = &g});
        happenings_.push_back({.at = g.to, .goes = &g});
    }
    for (const deed_at& d : played.deeds)
        happenings_.push_back({.at = d.at, .does = &d.what});
    plan(played.calls);
    std::ranges::sort(happenings_, {}, &happening::at);
}

void world::plan(const std::vector<call>& calls) {
    for (const call& c : calls) {
        if (c.stopped_at) happenings_.push_back({.at = *c.stopped_at, .stops = &c});
        for (const attempt& a : c.attempts)
            plan(a.calls);
    }
}

bool world::is_stopped(const call& c) const { return std::ranges::find(stopped_, &c) != stopped_.end(); }

seen_call& world::begun(const call& c) { return trace.calls.emplace_back(seen_call{.of = &c}); }

const attempt& world::next_attempt(seen_call& c, keel::time_point deadline, std::uint32_t number) {
    static const attempt none;
    const auto& all = c.of->attempts;
    const attempt& next = all.empty() ? none : all[std::min(c.tried.size(), all.size() - 1)];
    c.tried.push_back(now());
    c.due.push_back(deadline.time_since_epoch());
    c.numbers.push_back(number);
    return next;
}

result world::ending(const attempt& a, keel::time_point deadline) const {
    return a.fails_in_time && clock.now() > deadline ? success : a.ends;
}

void world::ended(seen_call& c, const result& with) {
    c.with = with;
    c.ended = now();
    c.account = stage->account();
}

std::optional<time> world::next() const {
    if (happened_ == happenings_.size()) return {};
    return happenings_[happened_].at;
}

void world::happen() { happen(happenings_[happened_++]); }

void world::happen(const happening& h) {
    if (h.does != nullptr) stage->apply(*h.does);
    if (h.stops != nullptr) stopped_.push_back(h.stops);
    if (h.comes != nullptr) {
        guests_.push_back({h.comes, stage->begin(h.comes->by)});
        const held* const call = guests_.back().call.get();
        trace.let_in += call != nullptr && call->is_inside() ? 'i' : 'o';
    }
    if (h.goes != nullptr) {
        const auto who = std::ranges::find(guests_, h.goes, &inside::who);
        const std::unique_ptr<held> call = std::move(who->call);
        guests_.erase(who);
        if (call && call->is_inside() && h.goes->ends != guest::end::dropped)
            call->end(h.goes->ends == guest::end::well);
    }
}

} // namespace drivers
