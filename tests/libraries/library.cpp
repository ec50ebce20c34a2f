// SPDX-License-Identifier: BSL-1.0
// Built twice, with everything hidden that does not ask to be seen. LIBRARY is the name of the function.

#include "library.hpp"

#include <keel/keel.hpp>

seen LIBRARY() { return {keel::thread_slots::claim(), keel::cached_clock::now().time_since_epoch().count()}; }
