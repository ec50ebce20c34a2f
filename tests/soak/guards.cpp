// SPDX-License-Identifier: BSL-1.0
#include "guard.hpp"
#include "guards_of_several.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

// Times are such that everything happens: deadlines pass, circuits open and close, lines form. Leases are such that
// none ends: a probe that is lost stays lost.

namespace soak {

namespace {

using namespace std::chrono_literals;

/// A budget for retries, a circuit over a number of calls, the cached clock.
class budgeted : public guard {
  public:
    budgeted()
      : guard("budgeted") {}
    outcome make(call& made, connection& over) override { return returning(pipeline_, made, over); }
    void check_recovery(checks& c) override { closes(c, pipeline_, pipeline_.circuit()); }

  private:
    void check_policies(checks& c) override {
        circuit_counts_results(c, pipeline_.circuit());
        budget_is_kept(c, budget);
    }

    static inline constinit keel::retry_budget budget{{.max_tokens = 50, .ratio = 0.2}};
    static constexpr auto chain =
        keel::timeout(60ms) |
        keel::retry<keel::exp_jitter>({.attempts = 3, .backoff = {.base = 1ms, .cap = 5ms}, .budget = &budget}) |
        keel::breaker<keel::sliding_window>(
            {.window = {.calls = 50}, .minimum_calls = 10, .open_for = 20ms, .half_open_max_wait = 1h});
    keel::static_pipeline<chain, keel::cached_clock> pipeline_;
};

/// A bulkhead with a line, deadlines for each attempt and for all. The function throws.
class lined : public guard {
  public:
    lined()
      : guard("lined") {}
    outcome make(call& made, connection& over) override { return throwing(pipeline_, made, over); }

  private:
    void check_policies(checks& c) override {
        at_most_at_once(c, 3);
        no_permits_out(c, pipeline_.get<"permits">());
    }

    static constexpr auto chain =
        keel::timeout(80ms) | keel::retry<keel::exp_jitter>({.attempts = 3, .backoff = {.base = 1ms, .cap = 5ms}}) |
        keel::timeout(25ms) | keel::named<"permits">(keel::bulkhead({.permits = 3, .max_wait = 10ms}));
    keel::static_pipeline<chain> pipeline_;
};

/// Two pipelines with one bulkhead, and one circuit over a span of time.
class sharing : public guard {
  public:
    sharing()
      : guard("sharing") {}
    outcome make(call& made, connection& over) override {
        return turn_++ % 2 == 0 ? throwing(once_, made, over) : returning(twice_, made, over);
    }
    void check_recovery(checks& c) override { closes(c, once_, circuit); }

  private:
    void check_policies(checks& c) override {
        at_most_at_once(c, 4);
        no_permits_out(c, permits);
        circuit_counts_results(c, circuit);
    }

    static inline constinit keel::shared_bulkhead<> permits{{.permits = 4, .max_wait = 5ms}};
    static inline constinit keel::circuit<keel::sliding_time_window> circuit{
        {.window = {.span = 500ms}, .minimum_calls = 10, .open_for = 20ms, .half_open_max_wait = 1h}};
    static constexpr auto once = keel::timeout(50ms) | keel::through(permits) | keel::through(circuit);
    static constexpr auto twice = keel::timeout(50ms) |
                                  keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 2ms}}) |
                                  keel::through(permits) | keel::through(circuit);
    keel::static_pipeline<once> once_;
    keel::static_pipeline<twice> twice_;
    count turn_;
};

/// A rate, for which calls wait.
class paced : public guard {
  public:
    paced()
      : guard("paced") {}
    outcome make(call& made, connection& over) override { return returning(pipeline_, made, over); }

  private:
    void check_policies(checks& c) override {
        const std::chrono::duration<double> lasted = keel::steady_clock::now() - began_;
        c.at_most(name() + ": no more attempts than the rate allows", double(calls.attempts),
                  limit.burst + limit.rate * lasted.count());
    }

    const keel::time_point began_ = keel::steady_clock::now();
    static constexpr keel::gcra limit{.rate = 500, .burst = 10, .max_wait = 10ms};
    static constexpr auto chain = keel::timeout(50ms) |
                                  keel::retry<keel::exp_jitter>({.attempts = 2, .backoff = {.base = 1ms}}) |
                                  keel::rate_limit(limit);
    keel::static_pipeline<chain> pipeline_;
};

/// What leaves calls out when it goes badly: on this side by a throttle, and by a limit that adapts.
class shed : public guard {
  public:
    shed()
      : guard("shed") {}
    outcome make(call& made, connection& over) override { return throwing(pipeline_, made, over); }

  private:
    void check_policies(checks& c) override {
        at_most_at_once(c, most);
        const auto& limited = pipeline_.get<"limit">();
        no_permits_out(c, limited);
        c.at_most(name() + ": the limit is at least the least", 1, limited.limit());
        c.at_most(name() + ": the limit is at most the most", limited.limit(), most);
        const keel::throttle_stats t = pipeline_.get<"throttle">().stats();
        c.equal(name() + ": the throttle's accepts are the successes", t.accepts, calls.succeeded);
        c.equal(name() + ": its requests are those, the failures, and what it has left out", t.requests,
                calls.succeeded + calls.failed + calls.of(keel::errc::timed_out) + calls.of(keel::errc::throttled));
    }

    static constexpr int most = 16;
    static constexpr auto chain =
        keel::named<"throttle">(keel::throttle({.k = 1.1, .span = 20h, .max_probability = 0.3})) |
        keel::named<"limit">(keel::limit<keel::aimd>(
            {.min = 1, .initial = 8, .max = most, .window = 50ms, .failure_rate = 0.3, .strategy = {.backoff = 0.7}})) |
        keel::timeout(40ms);
    keel::static_pipeline<chain> pipeline_;
};

/// A fallback that answers for all, also for what chaos injects.
class answering : public guard {
  public:
    answering()
      : guard("answering") {}
    outcome make(call& made, connection& over) override {
        const unsigned answer = co_await keel::async(pipeline_, ask_or_throw, std::ref(made), std::ref(over));
        if (answer == 0) seen_++;
        co_return std::error_code();
    }

  private:
    void check_policies(checks& c) override {
        c.equal(name() + ": each answer of the fallback is one that a caller got", answered, seen_);
        c.equal(name() + ": calls that did not succeed were cancelled or destroyed", calls.calls - calls.succeeded,
                calls.cancelled + calls.destroyed);
        c.equal(name() + ": each injected fault is one that the fallback was told", pipeline_.get<"fault">().injected(),
                injected);
    }

    static inline constinit count answered, injected;
    static constexpr auto chain = keel::fallback([](const keel::failure& why) {
                                      answered++;
                                      if (why == keel::errc::injected) injected++;
                                      return 0U;
                                  }) |
                                  keel::timeout(30ms) | keel::chaos({.rate = 0.1}).latency(3ms) |
                                  keel::named<"fault">(keel::chaos({.rate = 0.05}).fault());
    keel::static_pipeline<chain> pipeline_;
    count seen_;
};

/// Deadlines so near that they often pass just when the answer comes, however fast all this runs.
class hasty : public guard {
  public:
    hasty()
      : guard("hasty") {}
    outcome make(call& made, connection& over) override {
        const std::uint64_t turn = turn_++ % 3;
        if (turn == 0) return returning(soon_, made, over);
        return turn == 1 ? returning(later_, made, over) : throwing(late_, made, over);
    }

  private:
    void check_policies(checks& c) override {
        at_most_at_once(c, 24);
        no_permits_out(c, permits);
    }

    static inline constinit keel::shared_bulkhead<> permits{{.permits = 24}};
    static constexpr auto soon = keel::timeout(300us) | keel::through(permits);
    static constexpr auto later = keel::timeout(1ms) | keel::through(permits);
    static constexpr auto late = keel::timeout(4ms) | keel::through(permits);
    keel::static_pipeline<soon> soon_;
    keel::static_pipeline<later> later_;
    keel::static_pipeline<late> late_;
    count turn_;
};

} // namespace

std::vector<std::unique_ptr<guard>> all_guards() {
    std::vector<std::unique_ptr<guard>> all;
    const auto add = [&]<class... Guards>() { (all.push_back(std::make_unique<Guards>()), ...); };
    add.operator()<budgeted, lined, sharing, paced, shed, answering, nested, hasty, hedged>();
    return all;
}

} // namespace soak
