// SPDX-License-Identifier: BSL-1.0

// That a throttle which must leave requests out does so, whoever evaluates it last.

#include "scenarios.hpp"

#include "checked_throttle.hpp"

namespace race {
namespace {

constexpr limits all{};

// Two of three requests fail at once: one of them sees all three, and the other does not undo what that one stores.
using failures_at_once = failures_at_once_with<>;

// A failure, while the first request of the next bucket is evaluated: by what it saw, 0 perhaps.
struct failure_beside_a_new_bucket : throttle_world<> {
    failure_beside_a_new_bucket() {
        begin();
        begin();
    }
    void run(int i) {
        if (i == 0) {
            begin();
            fail();
        } else {
            advance(length);
            begin();
        }
    }
    void check() { require(it.probability() > 0, "nothing is left out though too little is accepted"); }
};

// What is accepted meanwhile ends it with the next request, and nobody stores after it what was true before.
struct accept_beside_a_failure : throttle_world<> {
    keel::time_point began[2];
    accept_beside_a_failure() {
        for (auto& at : began)
            at = begin();
        begin();
        fail();
    }
    void run(int i) {
        if (i == 0)
            accept(began[0]);
        else
            fail();
    }
    void check() {
        require(it.probability() > 0, "nothing is left out though nothing was known to be accepted");
        accept(began[1]);
        begin();
        require(it.probability() == 0, "requests are left out though enough is accepted");
    }
};

} // namespace

scenario_list throttle_scenarios() {
    return {
        {"throttle_failures_at_once", all, explore_one<failures_at_once>},
        {"throttle_failure_beside_a_new_bucket", all, explore_one<failure_beside_a_new_bucket>},
        {"throttle_accept_beside_a_failure", all, explore_one<accept_beside_a_failure>},
    };
}

} // namespace race
