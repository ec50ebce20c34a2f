#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "channels.hpp"
#include "on_thread.hpp"
#include "story.hpp"
#include "subject.hpp"
#include "world.hpp"

#include <keel/chain.hpp>
#include <keel/random.hpp>

#include <boost/version.hpp>
#include <type_traits>
#include <utility>

#if BOOST_VERSION >= 108100
#include "on_asio.hpp"
#endif

namespace drivers {

// Each column: `compose(setting)` makes the chain.

template <class World, template <class Chain> class Calls, class Compose>
seen play(const story& s) {
    World w(s);
    const auto clock = w.told_by();
    setting in(w, clock, s.seed);
    const auto next = [&] { return keel::detail::as_chain(Compose{}(in)); };
    pipelines_of<decltype(next()), std::remove_const_t<decltype(clock)>> all(next, s.pipelines, clock);
    Calls<decltype(next())> calls(all);
    keel::thread_random().seed(s.seed);
    w.play(s, all, calls);
    return std::move(w.trace);
}

template <class Chain>
using blocks_and_throws = by_blocking<Chain, by_exception>;
template <class Chain>
using blocks = by_blocking<Chain, by_expected>;
#if BOOST_VERSION >= 108100
template <class Chain>
using awaits_and_throws = by_coroutine<Chain, by_exception>;
template <class Chain>
using awaits = by_coroutine<Chain, by_expected>;
#endif

template <class Compose>
composed for_exceptions(Compose) {
    composed c;
    c.blocking_by_exception = play<on_thread, blocks_and_throws, Compose>;
#if BOOST_VERSION >= 108100
    c.coroutine_by_exception = play<on_asio, awaits_and_throws, Compose>;
#endif
    return c;
}
template <class Compose>
composed for_errors(Compose) {
    composed c;
    c.blocking_by_expected = play<on_thread, blocks, Compose>;
    c.ticket = play<on_thread, by_hand, Compose>;
#if BOOST_VERSION >= 108100
    c.coroutine_by_expected = play<on_asio, awaits, Compose>;
#endif
    return c;
}
template <class Compose>
composed for_hints(Compose compose) {
    composed c = for_exceptions(compose);
    c.ticket = play<on_thread, by_hand, Compose>;
    return c;
}
template <class Compose>
composed::composed(Compose compose)
  : composed(for_errors(compose)) {
    const composed others = for_exceptions(compose);
    blocking_by_exception = others.blocking_by_exception;
    coroutine_by_exception = others.coroutine_by_exception;
}

} // namespace drivers
