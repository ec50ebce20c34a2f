// SPDX-License-Identifier: BSL-1.0
#include "naive.hpp"

#include "accounts.hpp"
#include "fuzz/circuit_setup.hpp"
#include "support/naive_circuit.hpp"
#include "support/naive_limit.hpp"
#include "support/naive_rate.hpp"
#include "support/naive_retry_budget.hpp"
#include "support/naive_throttle.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace matrix {
namespace {

/// How an outcome counts.
enum class ending { success, failure, ignored };

/// A result, and whether anything was tried for it.
struct outcome : result {
    bool tried = true;

    bool is(keel::errc e) const { return how == form::rejection && reason == e; }
    bool failed() const { return how != form::value; }
    ending counts() const {
        if (how == form::value) return ending::success;
        if (how == form::error || is(keel::errc::injected)) return ending::failure;
        if (is(keel::errc::timed_out) && tried) return ending::failure;
        return ending::ignored;
    }
};
outcome refused(keel::errc reason, std::chrono::nanoseconds retry_after = {}) {
    return {{.how = result::form::rejection, .reason = reason, .retry_after = retry_after}, false};
}

/// After something was tried.
outcome rejected(keel::errc reason) { return {{.how = result::form::rejection, .reason = reason}}; }

/// One call.
struct call {
    const call* outer = nullptr; // the call in whose attempt it is made, if it was told
    keel::time_point deadline = keel::no_deadline;
    std::uint32_t attempt = 0;
    const world* of = nullptr;                      // who may want it to end
    mutable std::optional<std::uint64_t> retries{}; // that are left; nothing outside the outermost retry

    bool stop_requested() const { return of->stop_requested(); }
    bool take_retry() const {
        for (const call* c = this; c != nullptr; c = c->outer) {
            if (c->retries == 0) return false;
        }
        for (const call* c = this; c != nullptr; c = c->outer) {
            if (c->retries) --*c->retries;
        }
        return true;
    }
};

using inside = std::function<outcome(call&)>;

/// What all policies of a chain share.
struct surroundings {
    world& w;
    keel::random_source random;

    keel::time_point now() const { return w.clock.now(); }
    std::int64_t ticks() const { return now().time_since_epoch().count(); }
    void sleep(std::chrono::nanoseconds d) const { w.clock.advance(d); }
};

struct policy {
    explicit policy(surroundings& s)
      : around(s) {}
    policy(const policy&) = delete;
    policy& operator=(const policy&) = delete;
    virtual ~policy() = default;
    virtual outcome run(call&, const inside&) = 0;
    virtual std::string account() const { return {}; }

    surroundings& around;
};

struct timeout : policy {
    keel::timeout_config config;

    timeout(surroundings& s, const keel::timeout_config& c)
      : policy(s)
      , config(c) {}
    outcome run(call& c, const inside& next) override {
        if (c.deadline != keel::no_deadline && around.now() >= c.deadline) return refused(keel::errc::timed_out);
        const keel::time_point outer = c.deadline;
        const keel::time_point due = std::min(outer, around.now() + config.after);
        c.deadline = due;
        const outcome o = next(c);
        c.deadline = outer;
        const bool late = around.now() > due;
        if (!o.failed() && late && config.late_success == keel::late_success::fail)
            return rejected(keel::errc::timed_out);
        return o;
    }
};

struct retry : policy {
    keel::retry_config<keel::constant> config;
    std::optional<support::naive_retry_budget> budget;
    std::optional<std::uint64_t> retries_of_chain{}; // the outermost of a chain knows them

    retry(surroundings& s, const keel::retry_config<keel::constant>& c,
          const std::optional<keel::retry_budget_config>& b)
      : policy(s)
      , config(c) {
        if (b)
            budget = {
                .most = b->max_tokens * 1000, .earned = std::llround(b->ratio * 1000), .tokens = b->max_tokens * 1000};
    }
    outcome run(call& c, const inside& next) override {
        if (retries_of_chain) c.retries = retries_of_chain;
        outcome o = next(c);
        for (int made = 1; wants_another(c, o, made); ++made) {
            around.sleep(delay_after(o));
            o = next(c);
        }
        if (retries_of_chain) c.retries.reset();
        return o;
    }
    std::string account() const override { return budget ? account_of_budget(budget->tokens) : std::string(); }

  private:
    std::chrono::nanoseconds delay_after(const outcome& o) const {
        return std::max<std::chrono::nanoseconds>(config.backoff.every, o.retry_after);
    }
    bool wants_another(const call& c, const outcome& o, int made) {
        const bool affordable = pays(o.counts());
        if (!affordable || !o.failed() || made == config.attempts) return false;
        if (c.stop_requested()) return false;
        if (o.is(keel::errc::circuit_open) ? !config.when_open : o.how == result::form::cancelled) return false;
        if (c.deadline != keel::no_deadline && around.now() + delay_after(o) >= c.deadline) return false;
        return c.take_retry();
    }
    bool pays(ending e) {
        if (!budget) return true;
        if (e == ending::failure) return budget->failure();
        if (e == ending::success) budget->success();
        return budget->affords_retry();
    }
};

struct breaker : policy {
    support::naive_circuit circuit;
    bool by_rate;

    template <class Window>
    breaker(surroundings& s, const keel::breaker_config<Window>& c)
      : policy(s)
      , circuit(fuzz::detail::naive_config_of<Window>(c), s.now())
      , by_rate(Window::by_rate) {}
    outcome run(call& c, const inside& next) override {
        circuit.now = around.now();
        circuit.ask();
        if (!circuit.may_be_granted()) {
            const auto wait = circuit.state() == keel::circuit_state::open ? circuit.open_until() - around.now()
                                                                           : std::chrono::nanoseconds(0);
            circuit.refuse(wait);
            return refused(keel::errc::circuit_open, wait);
        }
        const auto permit = circuit.grant();
        const outcome o = next(c);
        circuit.now = around.now();
        const ending e = o.counts();
        using of_circuit = support::naive_circuit::ending;
        circuit.end(permit, e == ending::success   ? of_circuit::success
                            : e == ending::failure ? of_circuit::failure
                                                   : of_circuit::ignored);
        return o;
    }
    std::string account() const override { return account_of_circuit(circuit.stats(), by_rate); }
};

struct fallback : policy {
    int value;

    fallback(surroundings& s, int answer)
      : policy(s)
      , value(answer) {}
    outcome run(call& c, const inside& next) override {
        const outcome o = next(c);
        return is_for(o) ? answer(c, o) : o;
    }
    virtual bool is_for(const outcome& o) const { return o.failed() && o.how != result::form::cancelled; }
    virtual outcome answer(const call&, const outcome&) const { return {{.value = value}}; }
};

struct fallback_function : fallback {
    using fallback::fallback;
    outcome answer(const call& c, const outcome& why) const override {
        return {around.w.answer(why, c.deadline, c.attempt)};
    }
};

struct fallback_for_rejections : fallback {
    using fallback::fallback;
    bool is_for(const outcome& o) const override { return o.how == result::form::rejection; }
};

struct bulkhead : policy {
    keel::bulkhead_config config;
    int inside_now = 0;

    bulkhead(surroundings& s, const keel::bulkhead_config& c)
      : policy(s)
      , config(c) {}
    outcome run(call& c, const inside& next) override {
        if (inside_now == config.permits) {
            // Whoever could give one back waits for this very call.
            const keel::time_point until = std::min(c.deadline, around.now() + config.max_wait);
            if (until > around.now() && !c.stop_requested()) around.sleep(until - around.now());
            return refused(keel::errc::bulkhead_full);
        }
        ++inside_now;
        const outcome o = next(c);
        --inside_now;
        return o;
    }
    std::string account() const override { return account_of_bulkhead(inside_now, 0); }
};

template <class Limiter>
struct rate_limit : policy {
    mutable Limiter limiter;

    rate_limit(surroundings& s, const Limiter& fresh)
      : policy(s)
      , limiter(fresh) {}
    outcome run(call& c, const inside& next) override {
        const keel::nanos wait(limiter.wait_for(around.ticks(), 1));
        // Not to the deadline: it is to be made before that.
        const bool comes_in_time = c.deadline == keel::no_deadline || around.now() + wait < c.deadline;
        if (wait > keel::nanos(0) && (wait > limiter.config.max_wait || !comes_in_time || c.stop_requested()))
            return refused(keel::errc::rate_limited, wait);
        take();
        around.sleep(wait);
        return next(c);
    }
    std::string account() const override {
        std::int64_t available = 0;
        while (available < most() && limiter.wait_for(around.ticks(), available + 1) == 0)
            ++available;
        return account_of_rate_limit(available);
    }

  private:
    std::int64_t most() const {
        if constexpr (requires { limiter.config.burst; })
            return limiter.config.burst;
        else
            return limiter.config.limit;
    }
    void take() {
        if constexpr (requires { limiter.take(1); })
            limiter.take(1);
        else
            limiter.take(around.ticks(), 1);
    }
};

struct throttle : policy {
    support::naive_throttle requests;

    throttle(surroundings& s, const keel::throttle_config& c)
      : policy(s)
      , requests{.k = c.k, .bucket_length = c.span.count / 20, .buckets = 20, .max_probability = c.max_probability} {}
    outcome run(call& c, const inside& next) override {
        const auto number = requests.begin(around.ticks(), [&] { return around.random.unit(); });
        if (!number) return refused(keel::errc::throttled);
        const outcome o = next(c);
        auto* const made = requests.find(*number);
        if (o.counts() == ending::failure) requests.evaluate(around.ticks());
        if (made != nullptr && o.counts() == ending::success) made->accepted = true;
        if (made != nullptr && o.counts() == ending::ignored) made->withdrawn = true;
        return o;
    }
    std::string account() const override { return account_of_throttle(requests.probability); }
};

template <class Strategy>
struct limit : policy {
    support::naive_limit<Strategy> calls;

    limit(surroundings& s, const keel::limit_config<Strategy>& c)
      : policy(s)
      , calls{.config = c} {}
    outcome run(call& c, const inside& next) override {
        if (!calls.begin()) return refused(keel::errc::limit_exceeded);
        const std::int64_t began = around.ticks();
        const outcome o = next(c);
        if (o.counts() == ending::ignored)
            --calls.inside;
        else
            calls.end(around.ticks(), around.ticks() - began, o.counts() == ending::failure);
        return o;
    }
    std::string account() const override { return account_of_limit(calls.allowed(), calls.inside, calls.latency); }
};

/// Injects faults.
struct chaos : policy {
    keel::chaos_config config;
    keel::random_source own;
    std::uint64_t injected = 0;

    chaos(surroundings& s, const settings& of)
      : policy(s)
      , config(of.chaos)
      , own(of.chaos.seed) {}
    outcome run(call& c, const inside& next) override {
        if (config.rate == 0) return next(c);
        keel::random_source& random = config.seed != 0 ? own : around.random;
        if (random.unit() >= config.rate) return next(c);
        ++injected;
        return inject(c, next);
    }
    virtual outcome inject(call&, const inside&) { return rejected(keel::errc::injected); }
    std::string account() const override { return account_of_chaos(injected); }
};

struct chaos_of_latency : chaos {
    std::chrono::nanoseconds latency;

    chaos_of_latency(surroundings& s, const settings& of)
      : chaos(s, of)
      , latency(of.injected_latency) {}
    outcome inject(call& c, const inside& next) override {
        if (c.stop_requested()) return next(c);
        const keel::time_point until = std::min(c.deadline, around.now() + latency);
        if (until > around.now()) around.sleep(until - around.now());
        return around.now() < c.deadline ? next(c) : rejected(keel::errc::timed_out);
    }
};

struct chaos_of_results : chaos {
    int value;

    chaos_of_results(surroundings& s, const settings& of)
      : chaos(s, of)
      , value(of.answer) {}
    outcome inject(call&, const inside&) override { return {{.value = value}}; }
};

std::unique_ptr<policy> policy_of(kind k, const settings& of, surroundings& s) {
    switch (k) {
    case kind::timeout:
        return std::make_unique<timeout>(s, of.timeout);
    case kind::retry:
        return std::make_unique<retry>(s, of.retry, std::nullopt);
    case kind::breaker:
        return std::make_unique<breaker>(s, of.breaker);
    case kind::fallback:
        return std::make_unique<fallback>(s, of.answer);
    case kind::bulkhead:
        return std::make_unique<bulkhead>(s, of.bulkhead);
    case kind::rate_limit:
        return std::make_unique<rate_limit<support::naive_gcra>>(s, support::naive_gcra{of.rate_limit});
    case kind::throttle:
        return std::make_unique<throttle>(s, of.throttle);
    case kind::limit:
        return std::make_unique<limit<keel::aimd>>(s, of.limit);
    case kind::retry_with_budget:
        return std::make_unique<retry>(s, of.retry, of.budget);
    case kind::breaker_by_rate:
        return std::make_unique<breaker>(s, of.breaker_by_rate);
    case kind::fallback_function:
        return std::make_unique<fallback_function>(s, of.answer);
    case kind::fallback_for_rejections:
        return std::make_unique<fallback_for_rejections>(s, of.answer);
    case kind::rate_limit_by_window:
        return std::make_unique<rate_limit<support::naive_fixed_window>>(
            s, support::naive_fixed_window{.config = of.rate_limit_by_window, .start = s.ticks()});
    case kind::limit_by_latency:
        return std::make_unique<limit<keel::gradient>>(s, of.limit_by_latency);
    case kind::chaos:
        return std::make_unique<chaos>(s, of);
    case kind::chaos_of_latency:
        return std::make_unique<chaos_of_latency>(s, of);
    case kind::chaos_of_results:
        return std::make_unique<chaos_of_results>(s, of);
    }
    return nullptr;
}

class naive_chain final : public side {
  public:
    naive_chain(const order& chain, const settings* of_each, world& w, std::uint64_t draws)
      : around_{w, keel::random_source(draws)} {
        retry* outermost = nullptr;
        std::uint64_t attempts = 1;
        for (const kind k : chain) {
            policies_.push_back(policy_of(k, *of_each, around_));
            if (repeats(k)) attempts *= static_cast<std::uint64_t>(of_each->retry.attempts);
            if (repeats(k) && outermost == nullptr) outermost = static_cast<retry*>(policies_.back().get());
            ++of_each;
        }
        if (outermost != nullptr) outermost->retries_of_chain = attempts - 1;
        w.pipeline = this;
    }

    void call(const void* context) override {
        matrix::call c{.outer = static_cast<const matrix::call*>(context), .of = &around_.w};
        if (c.outer != nullptr) c.deadline = c.outer->deadline;
        around_.w.ended(run(0, c));
    }
    std::string account() const override {
        std::string all;
        for (const auto& p : policies_)
            all += p->account() + "; ";
        return all;
    }

  private:
    outcome run(std::size_t i, matrix::call& c) {
        if (i < policies_.size())
            return policies_[i]->run(c, [this, i](matrix::call& inner) { return run(i + 1, inner); });
        ++c.attempt;
        return {around_.w.run(c.deadline, c.attempt, &c)};
    }

    surroundings around_;
    std::vector<std::unique_ptr<policy>> policies_;
};

} // namespace

std::unique_ptr<side> naive_side(const order& chain, const settings* of_each, world& w, std::uint64_t draws) {
    return std::make_unique<naive_chain>(chain, of_each, w, draws);
}

} // namespace matrix
