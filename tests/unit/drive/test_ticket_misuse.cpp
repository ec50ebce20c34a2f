// SPDX-License-Identifier: BSL-1.0
// What a ticket is not in a state for ends the program where assertions are on. That without them it does nothing is in
// without_assertions.cpp.
#include <keel/backoff/constant.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

using namespace std::chrono_literals;

#if !defined(NDEBUG)
namespace {
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});

/// What a program that does this says when it is aborted; or "lives".
template <class Misuse>
std::string said_by(Misuse misuse) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL); // not doctest's
        ::dup2(ends[1], STDERR_FILENO);
        keel::manual_clock clock;
        keel::pipeline p{keel::timeout(1h) | thrice, clock};
        misuse(p, clock);
        std::_Exit(0);
    }
    ::close(ends[1]);
    std::string said;
    std::array<char, 256> some{};
    for (ssize_t n = 0; (n = ::read(ends[0], some.data(), some.size())) > 0;)
        said.append(some.data(), static_cast<std::size_t>(n));
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? said : "lives";
}
bool says(const std::string& said, const char* text) { return said.find(text) != std::string::npos; }

constexpr auto ended = "keel: this ticket has ended";
constexpr auto waits = "keel: this ticket waits: resume() comes first";
constexpr auto runs = "keel: this ticket does not wait: end its attempt";
} // namespace

TEST_CASE("a ticket whose call has ended can't be ended again") {
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.success();
                   t.success();
               }),
               ended));
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.success();
                   t.failure();
               }),
               ended));
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.ignore();
                   t.success();
               }),
               ended));
    CHECK(says(said_by([](auto& p, auto& clock) {
                   auto t = p.begin();
                   t.failure();
                   clock.advance(10ms);
                   t.resume();
                   t.success();
                   t.ignore();
               }),
               ended));
    CHECK(says(said_by([](auto& p, auto& clock) {
                   const keel::context over(clock.now());
                   auto refused = p.begin(over);
                   refused.success();
               }),
               ended));
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.success();
                   t.resume();
               }),
               ended));
}

TEST_CASE("a ticket that was moved from is no ticket any more") {
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   const auto moved = std::move(t);
                   t.success();
               }),
               "or was moved from"));
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.failure();
                   const auto moved = std::move(t);
                   t.resume();
               }),
               "or was moved from"));
}

TEST_CASE("a ticket that waits has no attempt to end") {
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.failure();
                   t.success();
               }),
               waits));
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.failure();
                   t.failure();
               }),
               waits));
}

TEST_CASE("a ticket that does not wait can't be resumed") {
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.resume();
               }),
               runs));
    CHECK(says(said_by([](auto& p, auto& clock) {
                   auto t = p.begin();
                   t.failure();
                   clock.advance(10ms);
                   t.resume();
                   t.resume();
               }),
               runs));
}

TEST_CASE("a failure needs an error") {
    constexpr auto needs_one = "keel: a failure without an error would be a success";
    CHECK(says(said_by([](auto& p, auto&) {
                   auto t = p.begin();
                   t.failure(std::error_code());
               }),
               needs_one));
    CHECK(says(said_by([](auto& p, auto& clock) {
                   auto t = p.begin();
                   t.failure();
                   clock.advance(10ms);
                   t.resume();
                   t.failure(std::error_code());
               }),
               needs_one));
}

TEST_CASE("what a ticket can do is no misuse") {
    CHECK(said_by([](auto& p, auto& clock) {
              auto t = p.begin();
              t.failure();
              t.resume(); // too soon, which a timer can be
              clock.advance(10ms);
              t.resume();
              t.success();
              auto dropped = p.begin();
              t = std::move(dropped);
          }) == "lives");
}
#endif
