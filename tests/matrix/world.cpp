// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace matrix {
namespace {

std::string text_of(keel::time_point t) {
    return t == keel::no_deadline ? "never" : std::to_string(t.time_since_epoch().count()) + " ns";
}
std::string text_of(const result& r) {
    switch (r.how) {
    case result::form::value:
        return std::to_string(r.value);
    case result::form::error:
        return "an error";
    case result::form::cancelled:
        return "cancelled";
    default:
        return keel::message(r.reason) + std::string(", again after ") + std::to_string(r.retry_after.count) + " ns";
    }
}

} // namespace

std::string text_of(const event& e) {
    std::string text(2 * static_cast<std::size_t>(e.depth), ' ');
    text += "at " + text_of(e.at);
    if (e.what == event::form::ended) return text + " ended: " + text_of(e.came);
    text += e.what == event::form::invoked ? " invoked" : " told of " + text_of(e.came);
    return text + ", attempt " + std::to_string(e.attempt) + ", deadline " + text_of(e.deadline);
}

step script::at(std::uint64_t invocation) const {
    using ms = std::chrono::milliseconds;
    keel::random_source phase(seed_ + invocation / 12 * 1'000'003);
    const std::uint64_t failing = phase() % 101, slow = phase() % 2;
    keel::random_source random(seed_ * 31 + invocation * 1'000'033);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    step s{};
    s.how = below(100) < failing ? result::form::error : result::form::value;
    if (below(12) == 0) s.how = result::form::cancelled;
    s.value = static_cast<int>(below(1000));
    s.takes = ms(below(3) == 0 ? 0 : below(slow == 1 ? 25 : 4));
    s.calls_again = below(5) == 0;
    s.as_part = below(2) == 0;
    s.stops = below(16) == 0;
    return s;
}

std::chrono::nanoseconds script::pause_before(int call) const {
    keel::random_source random(seed_ * 37 + static_cast<std::uint64_t>(call) * 1'000'037);
    const std::uint64_t longest = random() % 8 == 0 ? 120 : 12;
    return std::chrono::milliseconds(random() % 2 * (random() % longest));
}

bool script::calls_again(int depth, int made, int) const { return depth < 3 && made == 0; }

world::world(const script& played, bool tells_context)
  : script_(played)
  , tells_context_(tells_context) {
    clock.set(keel::time_point(std::chrono::seconds(1000)));
}

void world::call(const void* context) {
    ++begun_;
    if (depth_ == 0) stopped_ = false;
    pipeline->call(context);
}

result world::run(keel::time_point deadline, std::uint32_t attempt, const void* context) {
    seen.push_back({event::form::invoked, clock.now(), depth_});
    if (tells_context_) {
        seen.back().deadline = deadline;
        seen.back().attempt = attempt;
    }
    const step s = script_.at(invocations_++);
    stopped_ = stopped_ || (s.stops && tells_context_);
    for (int made = 0; s.calls_again && script_.calls_again(depth_, made, begun_); ++made) {
        ++depth_;
        call(s.as_part && tells_context_ ? context : nullptr);
        --depth_;
    }
    clock.advance(s.takes);
    return {.how = s.how, .value = s.how == result::form::value ? s.value : 0};
}

result world::answer(const result& failure, keel::time_point deadline, std::uint32_t attempt) {
    seen.push_back({event::form::told, clock.now(), depth_, deadline, attempt, failure});
    const step s = script_.at(invocations_++);
    clock.advance(s.takes);
    return {.how = s.how, .value = s.how == result::form::value ? s.value : 0};
}

void world::ended(const result& r) { seen.push_back({event::form::ended, clock.now(), depth_, {}, 0, r}); }

} // namespace matrix
