// SPDX-License-Identifier: BSL-1.0
#include <keel/breaker.hpp>
#include <keel/drive/parts.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <type_traits>
#include <utility>

using keel::errc;
using keel::steady_clock;

namespace {
struct cold {
    keel::admission admit(keel::call&, auto&) const { return keel::proceed; }
    keel::verdict settle(keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
};
struct numbered : cold {
    int number;
    template <class Clock>
    struct state {
        int made_of;
        explicit state(const numbered& p)
          : made_of(p.number) {}
        state(const state&) = delete;
    };
    keel::admission admit(auto&, keel::call&, auto&) const { return keel::proceed; }
    keel::verdict settle(auto&, keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
};
template <class... P>
using parts = keel::detail::parts<std::index_sequence_for<P...>, keel::chain<P...>, steady_clock>;

using timeout = keel::timeout_policy;
using retry = keel::retry_policy<>;
using breaker = keel::breaker_policy<>;
} // namespace

TEST_CASE("a chain rides the express lane if each of its policies does") {
    CHECK(parts<timeout, retry, breaker>::express);
    CHECK(parts<>::express);
    CHECK(!parts<timeout, cold, breaker>::express);
    CHECK(!parts<cold>::express);
}

TEST_CASE("a call may begin anew as far in as policies leave nothing to give back") {
    CHECK(parts<timeout, retry, breaker>::leave_nothing == 2);
    CHECK(parts<timeout, retry>::leave_nothing == 2);
    CHECK(parts<breaker>::leave_nothing == 0);
    CHECK(parts<breaker, timeout>::leave_nothing == 0);
    CHECK(parts<timeout, cold, breaker>::leave_nothing == 1);
}

TEST_CASE("the rejections of a chain are those of its policies, in order, each once") {
    CHECK(std::is_same_v<decltype(parts<timeout, retry, breaker>::error_for<int>())::type,
                         keel::error_of<int, errc::timed_out, errc::circuit_open>>);
    CHECK(std::is_same_v<decltype(parts<breaker, timeout, breaker, cold>::error_for<int>())::type,
                         keel::error_of<int, errc::circuit_open, errc::timed_out, errc::refused>>);
    CHECK(std::is_same_v<decltype(parts<retry>::error_for<int>())::type, keel::error_of<int>>);
}

TEST_CASE("states are made of their policies where they stay, and found by their place") {
    const keel::chain<numbered, cold, numbered> chain{
        boost::hana::tuple<numbered, cold, numbered>(numbered{{}, 3}, cold{}, numbered{{}, 4})};
    parts<numbered, cold, numbered>::states states(
        keel::detail::stored_chain<keel::chain<numbered, cold, numbered>>{chain}, steady_clock{});
    CHECK(keel::detail::at<0>(states).made_of == 3);
    CHECK(keel::detail::at<2>(states).made_of == 4);
}

TEST_CASE("frames that the express lane has filled in go on to the cold one, and the others are fresh there") {
    parts<timeout, retry>::express_frames kept{};
    keel::detail::at<0>(kept).due = keel::time_point(std::chrono::seconds(7));
    parts<timeout, retry>::frames all(kept);
    CHECK(keel::detail::at<0>(all).due == keel::time_point(std::chrono::seconds(7)));
    CHECK(keel::detail::at<1>(all).made == 1);
}
