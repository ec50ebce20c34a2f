#pragma once
// SPDX-License-Identifier: BSL-1.0

// One of two checkers runs the same scenarios: the explorer, and Relacy as a second opinion.

#ifdef KEEL_RACE_RELACY
#include "relacy_atomics.hpp"
#else
#include "explored_atomics.hpp"
#endif
