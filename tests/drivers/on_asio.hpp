#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "channels.hpp"
#include "story.hpp"
#include "subject.hpp"
#include "world.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>

#include <boost/asio/awaitable.hpp>
#include <exception>

namespace drivers {

// The driver of coroutines.

using boost::asio::awaitable;

class on_asio;

/// How calls are made through the pipelines of one chain.
class calls_on_asio {
  public:
    calls_on_asio() = default;
    calls_on_asio(const calls_on_asio&) = delete;
    calls_on_asio& operator=(const calls_on_asio&) = delete;
    virtual ~calls_on_asio() = default;
    virtual awaitable<result> make(on_asio&, seen_call&, const keel::context* around) = 0;
};

/// Plays a story in coroutines. What happens beside the calls has one of its own.
class on_asio : public world {
  public:
    using world::world;

    const keel::manual_clock& told_by() const { return clock; }
    void play(const story&, pipelines&, calls_on_asio&);
    /// What the function does in one attempt. `told` is its context. As one that blocks, it does not hear that it is
    /// cancelled.
    awaitable<result> act(seen_call&, const keel::context& told);

  private:
    awaitable<void> make(const call&, const keel::context* around);
    awaitable<void> sleep_until(time);

    calls_on_asio* calls_ = nullptr;
};

/// In one channel. Not what knows the chain: each coroutine takes its time to compile.
template <class Channel>
class calls_on_asio_by : public calls_on_asio {
  public:
    awaitable<result> make(on_asio& w, seen_call& c, const keel::context* around) final {
        std::exception_ptr thrown;
        try {
            co_return Channel::read(co_await begin_call(function{&w, &c}, c.of->by, around));
        } catch (...) {
            thrown = std::current_exception();
        }
        co_return caught(thrown);
    }

  protected:
    struct function {
        on_asio* w;
        seen_call* c;
        awaitable<typename Channel::type> operator()(const keel::context& told) const {
            co_return Channel::give(co_await w->act(*c, told));
        }
    };
    virtual awaitable<typename Channel::type> begin_call(const function&, int by, const keel::context* around) = 0;
};

/// `co_await keel::async(p, f)`
template <class Chain, class Channel>
class by_coroutine final : public calls_on_asio_by<Channel> {
    using typename calls_on_asio_by<Channel>::function;

  public:
    explicit by_coroutine(pipelines_of<Chain, keel::manual_clock>& all)
      : all_(all) {}

  protected:
    awaitable<typename Channel::type> begin_call(const function& f, int by, const keel::context* around) override {
        auto& p = all_.at(by);
        return around == nullptr ? keel::async(p, f) : keel::async(p, *around, f);
    }

  private:
    pipelines_of<Chain, keel::manual_clock>& all_;
};

} // namespace drivers
