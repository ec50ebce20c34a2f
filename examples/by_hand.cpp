// SPDX-License-Identifier: BSL-1.0

// An event loop waits for no call: it begins one, does other work, and says later how it went. Between two attempts the
// call is one of the loop's own timers.

#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <deque>
#include <map>
#include <utility>

using namespace std::chrono_literals;

int main() {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(1s) | keel::retry<keel::constant>({.backoff = {.every = 10ms}}) |
                         keel::bulkhead({.permits = 2}),
                     time};
    using ticket = decltype(p.begin());
    std::deque<ticket> sent;                        // and not answered yet
    std::multimap<keel::time_point, ticket> timers; // the loop's own
    int done = 0, refused = 0;

    const auto go_on = [&](ticket t) {
        if (t)
            sent.push_back(std::move(t)); // here its request goes out, to be answered by `t.deadline()`
        else if (t.waiting())
            timers.emplace(time.now() + t.delay(), std::move(t));
        else
            ++(t.error() == keel::errc::bulkhead_full ? refused : done);
    };
    for (int i = 0; i < 4; ++i)
        go_on(p.begin());
    assert(sent.size() == 2 && timers.size() == 2); // there was room for two, the others try again

    for (int answers = 1; !sent.empty(); ++answers) {
        ticket t = std::move(sent.front());
        sent.pop_front();
        time.advance(1ms);
        if (answers == 1)
            t.failure(); // connection refused, say
        else
            t.success();
        go_on(std::move(t));
        while (sent.empty() && !timers.empty()) { // nothing to do until the next timer
            auto next = timers.extract(timers.begin());
            time.advance(next.key() - time.now());
            next.mapped().resume();
            go_on(std::move(next.mapped()));
        }
    }
    assert(done == 4 && refused == 0);
}
