// SPDX-License-Identifier: BSL-1.0
#include "on_thread.hpp"

#include <algorithm>

namespace drivers {

void on_thread::play(const story& played, pipelines& all, calls_on_thread& calls) {
    stage = &all;
    calls_ = &calls;
    for (const call& c : played.calls)
        make(c, nullptr);
    while (next())
        sleep_until(*next());
    trace.account = all.account();
}

void on_thread::make(const call& c, const keel::context* around) {
    sleep_until(c.at);
    seen_call& seen = begun(c);
    const stop_token stops{this, &c};
    const keel::context stoppable(stops);
    ended(seen, calls_->make(*this, seen, c.stopped_at ? &stoppable : c.part ? around : nullptr));
}

result on_thread::act(seen_call& c, const keel::context& told, std::uint32_t number) {
    const time began = now();
    const attempt& doing = next_attempt(c, told.deadline(), number);
    for (const call& nested : doing.calls)
        make(nested, &told);
    sleep_until(began + doing.takes);
    return ending(doing, told.deadline());
}

void on_thread::sleep_until(time t) {
    while (next() && *next() <= t) {
        clock.sleep_until(keel::time_point(*next()));
        happen();
    }
    clock.sleep_until(keel::time_point(t));
}

} // namespace drivers
