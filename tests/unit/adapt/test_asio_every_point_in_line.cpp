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

// The lines of bulkheads, where a call looks every 50 us whether its turn has come.

AFTER_EVERY_STEP(300, one_permit | breaks)
AFTER_EVERY_STEP(350, timeout(50ms) | thrice | one_permit | breaks)
AFTER_EVERY_STEP(220, thrice | timeout(8ms) | breaks | one_permit)
AFTER_EVERY_STEP(360, timeout(20ms) | thrice | timeout(8ms) | through(of.permits) | breaks)
AFTER_EVERY_STEP(330, one_permit | timeout(20ms) | thrice | breaks)
AFTER_EVERY_STEP(600, timeout(20ms) | thrice | one_permit | chaos({.rate = 1}).latency(300us) | breaks)
