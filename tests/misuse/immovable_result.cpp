// SPDX-License-Identifier: BSL-1.0
// expect: keel: the function returns something that can't be moved
#include <keel/keel.hpp>

#include <atomic>
#include <memory>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
void get() { p([] { return std::atomic<int>(42); }); }
#else
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
void get() { p([] { return std::make_unique<std::atomic<int>>(42); }); }
#endif
