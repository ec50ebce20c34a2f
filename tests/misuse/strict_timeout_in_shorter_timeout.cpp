// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: never takes effect: must be shorter than the timeout around it
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::strict(keel::timeout(1s) | keel::timeout(2s));
#else
constexpr auto c = keel::strict(keel::timeout(2s) | keel::timeout(1s));
#endif
