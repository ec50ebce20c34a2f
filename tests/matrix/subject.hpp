#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "accounts.hpp"
#include "kinds.hpp"
#include "settings.hpp"
#include "world.hpp"

#include <keel/chain.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/fallback.hpp>
#include <keel/pipeline.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <expected>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace matrix {

// What is under test: a pipeline of keel's, in one of two channels.

/// Failures are errors of an expected.
struct by_expected {
    static constexpr const char* name = "by expected";
    using type = std::expected<int, std::errc>;

    static type give(const result& r) {
        if (r.how == result::form::value) return r.value;
        return std::unexpected(r.how == result::form::error ? std::errc::io_error : std::errc::operation_canceled);
    }
    template <class Call>
    static result read(Call call) {
        const auto r = call();
        if (r) return {.value = *r};
        return failure(r.error());
    }
    template <class Failure>
    static result failure(const Failure& f) {
        if (f.is_rejection())
            return {.how = result::form::rejection, .reason = f.reason(), .retry_after = f.retry_after()};
        return {.how = *f.error() == std::errc::io_error ? result::form::error : result::form::cancelled};
    }
};

#if KEEL_HAS_EXCEPTIONS
/// Failures are exceptions.
struct by_exception {
    static constexpr const char* name = "by exception";
    using type = int;

    static int give(const result& r) {
        if (r.how == result::form::error) throw std::system_error(std::make_error_code(std::errc::io_error));
        if (r.how == result::form::cancelled)
            throw std::system_error(std::make_error_code(std::errc::operation_canceled));
        return r.value;
    }
    template <class Call>
    static result read(Call call) {
        try {
            return {.value = call()};
        } catch (const keel::rejected& e) {
            return {.how = result::form::rejection, .reason = e.reason(), .retry_after = e.retry_after()};
        } catch (const std::system_error& e) {
            return {.how = e.code() == std::errc::io_error ? result::form::error : result::form::cancelled};
        }
    }
    static result failure(const keel::failure& f) {
        return read([&]() -> int { f.raise(); });
    }
};
#endif

template <class Channel>
struct invoked {
    world& w;
    typename Channel::type operator()() const { return Channel::give(w.run({}, 0, nullptr)); }
};
template <class Channel>
struct invoked_with_context {
    world& w;
    typename Channel::type operator()(const keel::context& c) const {
        return Channel::give(w.run(c.deadline(), c.attempt(), &c));
    }
};
template <class Channel>
struct function_of_failure {
    world* w;
    template <class Failure>
    typename Channel::type operator()(const Failure& why, const keel::context& c) const {
        return Channel::give(w->answer(Channel::failure(why), c.deadline(), c.attempt()));
    }
};

/// What the policies of one place have beside the pipeline.
struct beside {
    keel::retry_budget budget;
    explicit beside(const settings& s)
      : budget(s.budget) {}
};

template <kind Kind, class Channel>
auto policy_of(const settings& of, beside& b, world& w) {
    if constexpr (Kind == kind::timeout)
        return keel::timeout(of.timeout);
    else if constexpr (Kind == kind::retry)
        return keel::retry<keel::constant>(of.retry);
    else if constexpr (Kind == kind::breaker)
        return keel::breaker<keel::consecutive_failures>(of.breaker);
    else if constexpr (Kind == kind::fallback)
        return keel::fallback(of.answer);
    else if constexpr (Kind == kind::bulkhead)
        return keel::bulkhead(of.bulkhead);
    else if constexpr (Kind == kind::rate_limit)
        return keel::rate_limit(of.rate_limit);
    else if constexpr (Kind == kind::throttle)
        return keel::throttle(of.throttle);
    else if constexpr (Kind == kind::limit)
        return keel::limit<keel::aimd>(of.limit);
    else if constexpr (Kind == kind::retry_with_budget)
        return keel::retry<keel::constant>({of.retry.attempts, of.retry.backoff, of.retry.when_open, &b.budget});
    else if constexpr (Kind == kind::breaker_by_rate)
        return keel::breaker<keel::sliding_window>(of.breaker_by_rate);
    else if constexpr (Kind == kind::fallback_function)
        return keel::fallback(function_of_failure<Channel>{&w});
    else if constexpr (Kind == kind::fallback_for_rejections)
        return keel::fallback(of.answer).failing_if([](keel::errc) { return true; });
    else if constexpr (Kind == kind::rate_limit_by_window)
        return keel::rate_limit(of.rate_limit_by_window);
    else if constexpr (Kind == kind::limit_by_latency)
        return keel::limit<keel::gradient>(of.limit_by_latency);
    else if constexpr (Kind == kind::chaos)
        return keel::chaos(of.chaos).fault();
    else if constexpr (Kind == kind::chaos_of_latency)
        return keel::chaos(of.chaos).latency(of.injected_latency);
    else if constexpr (Kind == kind::chaos_of_results)
        return keel::chaos(of.chaos).result(of.answer);
}

// Accounts of the states of policies, told apart by what they have.
template <class State>
std::string account_of(const auto& policy, State& state, beside& b) {
    if constexpr (requires { state.circuit; }) {
        const auto& config = policy.config;
        return account_of_circuit(state.circuit.stats(), std::remove_cvref_t<decltype(config.window)>::by_rate);
    } else if constexpr (requires { state.latency(); }) {
        return account_of_limit(state.limit(), state.in_flight(), state.latency().count);
    } else if constexpr (requires { state.waiting(); }) {
        return account_of_bulkhead(state.in_flight(), state.waiting());
    } else if constexpr (requires { state.available(); }) {
        return account_of_rate_limit(state.available());
    } else if constexpr (requires { state.stats().probability; }) {
        return account_of_throttle(state.stats().probability);
    } else if constexpr (requires { state.injected(); }) {
        return account_of_chaos(state.injected());
    } else if constexpr (requires { policy.budget; }) {
        return account_of_budget(std::llround(b.budget.tokens() * 1000));
    } else {
        return {};
    }
}

template <class Channel, bool TellsContext, kind... Kinds>
class subject final : public side {
    using chain = decltype((... | policy_of<Kinds, Channel>(std::declval<const settings&>(), std::declval<beside&>(),
                                                            std::declval<world&>())));
    using function = std::conditional_t<TellsContext, invoked_with_context<Channel>, invoked<Channel>>;
    using indices = std::make_index_sequence<sizeof...(Kinds)>;

  public:
    subject(const settings* of_each, world& w)
      : subject(of_each, w, indices{}) {}

    void call(const void* context) override {
        function f{world_};
        world_.ended(Channel::read([&] {
            // One of both, for each is inlined and takes its time to compile.
            if constexpr (TellsContext) {
                const keel::context first(world_);
                return pipeline_(context == nullptr ? first : *static_cast<const keel::context*>(context), f);
            } else {
                return pipeline_(f);
            }
        }));
    }
    std::string account() const override { return account(indices{}); }

  private:
    template <std::size_t... I>
    subject(const settings* of_each, world& w, std::index_sequence<I...>)
      : world_(w)
      , beside_{beside(of_each[I])...}
      , pipeline_((... | policy_of<Kinds, Channel>(of_each[I], beside_[I], w)), w.clock) {
        w.pipeline = this;
    }
    template <std::size_t... I>
    std::string account(std::index_sequence<I...>) const {
        return ((account_of(pipeline_.template get<I>(), pipeline_.template state<I>(), beside_[I]) + "; ") + ...);
    }

    world& world_;
    mutable beside beside_[sizeof...(Kinds)];
    mutable keel::pipeline<chain, keel::manual_clock> pipeline_;
};

/// A chain to be tested in one channel.
struct entry {
    order chain;
    const char* channel;
    bool tells_context;
    side* (*make)(const settings*, world&);
};
template <class Channel, bool TellsContext, kind... Kinds>
side* make_subject(const settings* of_each, world& w) {
    return new subject<Channel, TellsContext, Kinds...>(of_each, w);
}

} // namespace matrix
