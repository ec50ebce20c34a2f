// SPDX-License-Identifier: BSL-1.0
// expect-gcc: use of deleted function
// expect-clang: deleted
#include <keel/clock/cached_clock.hpp>
#include <keel/deadline.hpp>

#if defined(MISTAKE)
const auto received = keel::from_grpc_timeout("1S", keel::cached_clock{});
#else
constexpr keel::cached_clock lasting;
const auto received = keel::from_grpc_timeout("1S", lasting);
#endif
