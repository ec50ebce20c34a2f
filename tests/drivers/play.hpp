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

#if BOOST_VERSION >= 107700
#include "on_asio.hpp"
#endif

namespace drivers {

// Each column: `compose(setting)` makes the chain.

template <class World, template <class Chain> class Calls, class Compose>
seen play(const story& s, const Compose& compose) {
    World w(s);
    const auto clock = w.told_by();
    setting in(w, clock, s.seed);
    const auto next = [&] { return keel::detail::as_chain(compose(in)); };
    pipelines_of<decltype(next()), std::remove_const_t<decltype(clock)>> all(next, s.pipelines, clock);
    Calls<decltype(next())> calls(all);
    keel::thread_random().seed(s.seed);
    w.play(s, all, calls);
    return std::move(w.trace);
}
template <class World, template <class Chain> class Calls, class Compose>
seen play_composed(const story& s) {
    return play<World, Calls>(s, Compose{});
}

template <class Chain>
using blocks_and_throws = by_blocking<Chain, by_exception>;
template <class Chain>
using blocks = by_blocking<Chain, by_expected>;
#if BOOST_VERSION >= 107700
template <class Chain>
using awaits_and_throws = by_coroutine<Chain, by_exception>;
template <class Chain>
using awaits = by_coroutine<Chain, by_expected>;
#endif

template <class Compose>
composed::composed(Compose)
  : blocking_by_exception(play_composed<on_thread, blocks_and_throws, Compose>)
  , blocking_by_expected(play_composed<on_thread, blocks, Compose>)
  , ticket(play_composed<on_thread, by_hand, Compose>)
#if BOOST_VERSION >= 107700
  , coroutine_by_exception(play_composed<on_asio, awaits_and_throws, Compose>)
  , coroutine_by_expected(play_composed<on_asio, awaits, Compose>)
#endif
{
}

} // namespace drivers
