// SPDX-License-Identifier: BSL-1.0
#include <boost/version.hpp>

#if BOOST_VERSION >= 108100
#include "on_asio.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

namespace drivers {

void on_asio::play(const story& played, pipelines& all, calls_on_asio& calls) {
    stage = &all;
    calls_ = &calls;
    boost::asio::io_context context(1);
    const auto rethrow = [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
    };
    const auto all_calls = [](on_asio& w, const story& s) -> awaitable<void> {
        for (const call& c : s.calls)
            co_await w.make(c, nullptr);
    };
    const auto all_else = [](on_asio& w) -> awaitable<void> {
        while (w.next()) {
            co_await w.sleep_until(*w.next());
            w.happen();
        }
    };
    boost::asio::co_spawn(context, all_else(*this), rethrow);
    boost::asio::co_spawn(context, all_calls(*this, played), rethrow);
    keel::run(context, clock);
    trace.account = all.account();
    trace.cancels = true;
}

awaitable<void> on_asio::make(const call& c, const keel::context* around) {
    co_await sleep_until(c.at);
    seen_call& seen = begun(c);
    const stop_token stops{this, &c};
    const keel::context stoppable(stops);
    ended(seen, co_await calls_->make(*this, seen, c.stopped_at ? &stoppable : c.part ? around : nullptr));
}

awaitable<result> on_asio::act(seen_call& c, const keel::context& told) {
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    const time began = now();
    const attempt& doing = next_attempt(c, told.deadline(), told.attempt());
    for (const call& nested : doing.calls)
        co_await make(nested, &told);
    co_await sleep_until(began + doing.takes);
    co_return ending(doing, told.deadline());
}

awaitable<void> on_asio::sleep_until(time t) { return keel::async_sleep(clock, t - now()); }

} // namespace drivers
#endif
