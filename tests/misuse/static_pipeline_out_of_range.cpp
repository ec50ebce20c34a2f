// SPDX-License-Identifier: BSL-1.0
// expect: keel: a value in this chain's configuration is out of its range
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::timeout_policy{{.after = 0ms}} | keel::retry<keel::exp_jitter>;
keel::static_pipeline<c> p;
#else
constexpr auto c = keel::timeout_policy{{.after = 1ms}} | keel::retry<keel::exp_jitter>;
keel::static_pipeline<c> p;
#endif
