#pragma once
// SPDX-License-Identifier: BSL-1.0

// IWYU pragma: begin_exports
#include "clock/cached_clock.hpp"
#include "clock/clock.hpp"
#include "clock/coarse_clock.hpp"
#include "clock/manual_clock.hpp"
#include "clock/steady_clock.hpp"
#include "clock/tsc_clock.hpp"
// IWYU pragma: end_exports
