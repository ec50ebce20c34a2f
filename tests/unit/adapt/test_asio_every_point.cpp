// SPDX-License-Identifier: BSL-1.0
#include "support/every_point.hpp"

#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace keel;
using namespace std::chrono_literals;
using support::breaks;
using support::one_permit;
using support::thrice;

AFTER_EVERY_STEP(80, timeout(20ms) | limit<gradient>({.initial = 2}) | throttle | breaks)
AFTER_EVERY_STEP(140, chaos({.rate = 1}).latency(3ms) | timeout(20ms) | thrice | breaks)
AFTER_EVERY_STEP(110, retry<constant>({.attempts = 3, .backoff = {.every = 2ms}, .budget = &of.budget}) | timeout(8ms) |
                          through(of.circuit))
AFTER_EVERY_STEP(160, rate_limit({.rate = 1, .per = 2ms, .burst = 1, .max_wait = 1h}) | thrice | breaks)
AFTER_EVERY_STEP(170, timeout(20ms) | thrice | rate_limit({.rate = 1, .per = 2ms, .burst = 1, .max_wait = 1h}))
AFTER_EVERY_STEP(160, timeout(20ms) | hedge({.delay = 2ms, .extra = 2}) | bulkhead({.permits = 2}) | breaks)
AFTER_EVERY_STEP(150, thrice | hedge({.delay = 2ms, .extra = 1}) | timeout(8ms) | bulkhead({.permits = 2}) | breaks)
