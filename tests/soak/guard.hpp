#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "connection.hpp"
#include "ledger.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace soak {

/// A pipeline in front of the server, and what must hold of it.
class guard {
  public:
    /// What went wrong, if it did.
    using outcome = boost::asio::awaitable<std::error_code>;

    explicit guard(std::string name)
      : name_(std::move(name)) {}
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    virtual ~guard() = default;

    /// Makes one call. Says what went wrong, or throws it.
    virtual outcome make(call& made, connection& over) = 0;

    /// While no call is under way.
    void check(checks& c) {
        c.equal(name_ + ": every call has ended", calls.calls, calls.ended());
        c.equal(name_ + ": every attempt has ended", calls.running, 0);
        check_policies(c);
    }
    /// The same, and nobody else will make calls.
    virtual void check_recovery(checks&) {}

    const std::string& name() const noexcept { return name_; }
    ledger calls;

  protected:
    virtual void check_policies(checks&) = 0;

    void at_most_at_once(checks& c, std::int64_t permits) {
        c.at_most(name_ + ": no more attempts at once than permits", double(calls.most_running), double(permits));
    }
    template <class Permits>
    void no_permits_out(checks& c, const Permits& p) {
        c.equal(name_ + ": no permit is out", p.in_flight(), 0);
        if constexpr (requires { p.waiting(); }) c.equal(name_ + ": nobody waits", p.waiting(), 0);
    }
    /// Of a breaker right of which there is only the function.
    template <class Circuit>
    void circuit_counts_attempts(checks& c, const Circuit& of) {
        const keel::circuit_totals t = of.stats().totals;
        c.equal(name_ + ": the circuit's calls are the attempts", t.calls, calls.attempts);
        c.at_most(name_ + ": its successes are answers", double(t.successes), double(calls.answered));
    }
    /// And where each attempt is the only one of its call.
    template <class Circuit>
    void circuit_counts_results(checks& c, const Circuit& of) {
        circuit_counts_attempts(c, of);
        const keel::circuit_totals t = of.stats().totals;
        c.at_most(name_ + ": all answers but late ones are its successes", double(calls.answered),
                  double(t.successes + t.late));
        c.equal(name_ + ": its rejections are calls that it ended", t.rejected, calls.of(keel::errc::circuit_open));
    }
    void budget_is_kept(checks& c, const keel::retry_budget& b) {
        const keel::retry_budget_config& k = b.config();
        c.at_most(name_ + ": no fewer tokens than none", 0, b.tokens());
        c.at_most(name_ + ": no more tokens than there can be", b.tokens(), k.max_tokens);
        c.at_most(name_ + ": no more attempts than the budget affords", double(calls.attempts - calls.tried),
                  k.max_tokens / 2.0 + k.ratio * double(calls.answered));
    }
    /// Once the function succeeds, the circuit closes. A probe that was lost would never let it: no lease ends here.
    template <class Pipeline, class Circuit>
    void closes(checks& c, Pipeline& p, Circuit& of) {
        boost::asio::io_context context;
        boost::asio::co_spawn(context, close(c, p, of), boost::asio::detached);
        context.run();
        c.hold(name_ + ": no probe is lost", of.state() == keel::circuit_state::closed);
    }

  private:
    template <class Pipeline, class Circuit>
    boost::asio::awaitable<void> close(checks& c, Pipeline& p, Circuit& of) {
        const auto succeed = []() -> boost::asio::awaitable<void> { co_return; };
        boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
        while (of.state() != keel::circuit_state::closed) {
            bool is_open = false;
            try {
                co_await keel::async(p, succeed);
            } catch (const keel::rejected& e) {
                is_open = e.reason() == keel::errc::circuit_open;
            }
            const bool is_lost = is_open && of.state() == keel::circuit_state::half_open;
            c.hold(name_ + ": no probe is lost", !is_lost);
            if (is_lost) co_return;
            pause.expires_after(std::chrono::milliseconds(1));
            co_await pause.async_wait(boost::asio::use_awaitable);
        }
    }

    const std::string name_;
};

/// One of each kind that coroutines call.
std::vector<std::unique_ptr<guard>> all_guards();

/// One attempt, as the function that is guarded.
inline boost::asio::awaitable<connection::answer> try_once(attempt made, connection& over) {
    const connection::answer a = co_await over.ask();
    if (a) made.answered();
    co_return a;
}
inline boost::asio::awaitable<unsigned> try_or_throw(attempt made, connection& over) {
    const connection::answer a = co_await over.ask();
    if (!a) throw boost::system::system_error(a.error());
    made.answered();
    co_return *a;
}

/// By a function that returns its errors, and by one that throws them.
inline constexpr auto ask = [](call& made, connection& over) { return try_once(attempt(made), over); };
inline constexpr auto ask_or_throw = [](call& made, connection& over) { return try_or_throw(attempt(made), over); };

inline std::error_code error_of(const connection::answer& a) { return a ? std::error_code() : a.error(); }

template <class Pipeline>
guard::outcome returning(Pipeline& p, call& made, connection& over) {
    co_return error_of(co_await keel::async(p, ask, std::ref(made), std::ref(over)));
}
template <class Pipeline>
guard::outcome throwing(Pipeline& p, call& made, connection& over) {
    co_await keel::async(p, ask_or_throw, std::ref(made), std::ref(over));
    co_return std::error_code();
}

} // namespace soak
