#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/duration.hpp>
#include <keel/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace drivers {

// What is played under each driver, as data. A time is counted from the beginning of the story.

using namespace std::chrono_literals;
using time = std::chrono::nanoseconds;

/// What an attempt, or a call, ends with. What a driver does not tell is absent, and equal to anything.
struct result {
    enum class form : std::uint8_t { success, error, exception, rejection };
    form how = form::success;
    std::optional<int> value{};             // of a success
    std::optional<std::error_code> error{}; // of an error, also where it is thrown as a std::system_error
    keel::errc reason{};                    // of a rejection
    std::optional<time> retry_after{};      // of a rejection; and the hint of an error that is thrown

    bool operator==(const result& other) const;
};
std::string text_of(const result&);

inline const result success{};
inline result succeeded(int value) { return {.value = value}; }
inline result failed(std::errc why = std::errc::io_error) {
    return {.how = result::form::error, .error = std::make_error_code(why)};
}
inline const result cancelled = failed(std::errc::operation_canceled);
/// By an exception that is no `std::system_error`.
inline const result threw{.how = result::form::exception};
inline result rejected(keel::errc reason, time retry_after = {}) {
    return {.how = result::form::rejection, .reason = reason, .retry_after = retry_after};
}

struct story;
struct seen;

/// A chain, made by a function object without state that gets a `setting`; for each column what plays a story with it
/// and says what was seen, or null if the story is not for that column.
struct composed {
    using play = seen (*)(const story&);
    play blocking_by_exception = nullptr;
    play blocking_by_expected = nullptr;
    play ticket = nullptr;
    play coroutine_by_exception = nullptr;
    play coroutine_by_expected = nullptr;

    composed() = default;
    /// For all of them. This and what follows is in play.hpp.
    template <class Compose>
    composed(Compose);
};
/// For those by exception.
template <class Compose>
composed for_exceptions(Compose);
/// For those where a failure is an error code.
template <class Compose>
composed for_errors(Compose);
/// For those where a failure says how long to wait.
template <class Compose>
composed for_hints(Compose);

struct call;

/// What the function does in one attempt: makes calls itself, one after the other, and ends so long after it began, or
/// with the last of them. A template only because there is no `call` yet.
template <class Call>
struct attempt_with {
    time takes{};
    result ends{};
    std::vector<Call> calls{};
    bool fails_in_time = false; // after the deadline it succeeds, however it was to end
};
using attempt = attempt_with<call>;

/// A call, what happens in it, and what is expected of that.
struct call {
    time at{};                       // when it is made, or when those before it have ended
    std::vector<attempt> attempts{}; // one after the other; further ones are as the last

    std::vector<time> tried{};               // when the attempts begin
    time ended{};                            // when the call has ended
    result with{};                           // and what with
    std::optional<result> where_cancelled{}; // instead, where the deadline cancels its attempts: in coroutines

    std::vector<time> due{};          // the deadlines that its attempts see, if that matters
    int by = 0;                       // the number of the pipeline
    bool part = false;                // it is part of the attempt that makes it
    std::optional<time> stopped_at{}; // when its caller wants it to end
};

inline attempt succeeds(time after = {}) { return {.takes = after}; }
inline attempt fails(time after = {}, std::errc why = std::errc::io_error) {
    return {.takes = after, .ends = failed(why)};
}
inline attempt is_cancelled(time after = {}) { return {.takes = after, .ends = cancelled}; }
inline attempt throws(time after = {}) { return {.takes = after, .ends = threw}; }

/// A call by somebody else, driven by hand in every column: begins, and ends, while other calls are under way or wait.
/// If it has to wait, it gives up when it would end.
struct guest {
    time from{};
    time to{};
    enum class end : std::uint8_t { well, badly, dropped } ends = end::well;
    int by = 0;
};

/// What is done to the circuits of the first pipeline.
enum class deed : std::uint8_t { open, half_open, close, force_open, disable, metrics_only, reset };
struct deed_at {
    time at{};
    deed what{};
};

struct told_failure {
    time at{};
    result why{};
    bool operator==(const told_failure&) const = default;
};

/// What happens around pipelines of one chain, and what is expected of that. At one moment not more than one thing
/// should happen, for then it depends on the driver which is first.
struct story {
    std::string name{}; // a sentence
    composed chain{};
    int pipelines = 1;
    std::uint64_t seed = 1; // of what policies draw
    std::vector<call> calls{};
    std::vector<guest> guests{};
    std::vector<deed_at> deeds{};

    std::string account{};            // of the first pipeline's policies, in the end
    std::vector<told_failure> told{}; // what functions of fallbacks were told
    std::string let_in{};             // of the guests: (i)nside, or (o)ut
};

} // namespace drivers
