// SPDX-License-Identifier: BSL-1.0
#include "steady_time.hpp"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>
#include <optional>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace {
std::mutex guard;
std::function<int(keel::time_point)> answering;
thread_local std::optional<timespec> standing;
} // namespace

namespace support {

no_sleeping::no_sleeping(std::function<int(keel::time_point)> answer) {
    const std::scoped_lock lock(guard);
    answering = std::move(answer);
}
no_sleeping::~no_sleeping() {
    const std::scoped_lock lock(guard);
    answering = nullptr;
}

standing_time::standing_time(keel::time_point t) {
    const auto ns = t.time_since_epoch().count();
    standing = timespec{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}
standing_time::~standing_time() { standing.reset(); }

} // namespace support

// These take the place of libc's in this program.

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
    if (clock == CLOCK_MONOTONIC && standing) {
        *now = *standing;
        return 0;
    }
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
}

extern "C" int clock_nanosleep(clockid_t clock, int flags, const timespec* until, timespec* left) {
    {
        const std::scoped_lock lock(guard);
        if (answering) {
            if (clock != CLOCK_MONOTONIC || flags != TIMER_ABSTIME) return EINVAL;
            if (until->tv_sec < 0 || until->tv_nsec < 0 || until->tv_nsec > 999'999'999) return EINVAL;
            return answering(
                keel::time_point(std::chrono::seconds(until->tv_sec) + std::chrono::nanoseconds(until->tv_nsec)));
        }
    }
    return ::syscall(SYS_clock_nanosleep, clock, flags, until, left) == 0 ? 0 : errno;
}
