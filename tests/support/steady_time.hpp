#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/duration.hpp>

#include <functional>

namespace support {

/// While one of these lives, no thread of the process sleeps: `clock_nanosleep` hands the time to `answer`, which is
/// called by one thread at a time, and returns what that returns. Only on the monotonic clock and to an absolute time;
/// for anything else it is `EINVAL`.
class no_sleeping {
  public:
    explicit no_sleeping(std::function<int(keel::time_point)> answer);
    no_sleeping(const no_sleeping&) = delete;
    no_sleeping& operator=(const no_sleeping&) = delete;
    ~no_sleeping();
};

/// While one of these lives, it is `t` by the monotonic clock for the thread that made it, and stays so.
class standing_time {
  public:
    explicit standing_time(keel::time_point t);
    standing_time(const standing_time&) = delete;
    standing_time& operator=(const standing_time&) = delete;
    ~standing_time();
};

} // namespace support
