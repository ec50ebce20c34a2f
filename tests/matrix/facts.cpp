// SPDX-License-Identifier: BSL-1.0
#include "facts.hpp"

#include "kinds.hpp"
#include "settings.hpp"
#include "tables.hpp"
#include "world.hpp"

#include <keel/backoff/exp_jitter.hpp>
#include <keel/breaker.hpp>
#include <keel/config.hpp>
#include <keel/explain.hpp>
#include <keel/random.hpp>
#include <keel/retry.hpp>
#include <keel/strict.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace matrix {
namespace {

using namespace std::chrono_literals;

constexpr int calls = 10;

// As docs/composition.md says above its tables.
constexpr auto timeout = keel::timeout({.after = 100ms});
constexpr auto retry = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto breaker = keel::breaker<keel::consecutive_failures>({.window = {.failures = 5}});
constexpr auto fallback = keel::fallback(-1);
constexpr auto bulkhead = keel::bulkhead({.permits = 2});
constexpr auto rate_limit = keel::rate_limit({.rate = 1, .per = 1s, .burst = 7});
constexpr auto throttle = keel::throttle;
constexpr auto limit = keel::limit<keel::aimd>({.min = 4, .initial = 4, .max = 4});
constexpr auto chaos = keel::chaos({.rate = 0.5, .seed = 1}).fault();

settings documented() {
    settings s;
    s.timeout = timeout.config;
    s.retry = retry.config;
    s.breaker = breaker.config;
    s.answer = fallback.instead;
    s.bulkhead = bulkhead.config;
    s.rate_limit = rate_limit.limit;
    s.throttle = throttle.config;
    s.limit = limit.config;
    s.chaos = chaos.config;
    return s;
}

/// Every invocation does the same.
class monotony final : public script {
  public:
    explicit monotony(const step& s)
      : script(0)
      , each_(s) {}
    step at(std::uint64_t) const override { return each_; }
    std::chrono::nanoseconds pause_before(int) const override { return 1ms; }
    bool calls_again(int, int, int begun) const override { return begun < calls; }

  private:
    step each_;
};

const char* text_of(const result& r) {
    switch (r.how) {
    case result::form::value:
        return "succeeded";
    case result::form::error:
        return "failed";
    case result::form::cancelled:
        return "cancelled";
    default:
        return keel::message(r.reason);
    }
}

/// `runs: 3 of this, 7 of that`, the first outcome first.
std::string told(const std::vector<event>& seen) {
    int runs = 0;
    std::vector<std::pair<std::string, int>> outcomes;
    for (const event& e : seen) {
        runs += e.what == event::form::invoked;
        if (e.what != event::form::ended) continue;
        const bool answered = e.came.how == result::form::value && e.came.value == fallback.instead;
        const std::string name = answered ? "answered" : text_of(e.came);
        const auto known = std::ranges::find(outcomes, name, &std::pair<std::string, int>::first);
        if (known == outcomes.end())
            outcomes.emplace_back(name, 1);
        else
            ++known->second;
    }
    std::string text = std::to_string(runs);
    const char* separator = ": ";
    for (const auto& [name, times] : outcomes)
        text += std::exchange(separator, ", ") + std::to_string(times) + " " + name;
    return text;
}

/// What can be seen of ten calls whose function does the same every time.
std::vector<event> played(const entry& pair, const step& every_time) {
    const monotony same(every_time);
    const settings each[2] = {documented(), documented()};
    world w(same, pair.tells_context);
    const std::unique_ptr<side> p(pair.make(each, w));
    keel::thread_random().seed(1);
    while (w.begun() < calls) {
        w.clock.advance(same.pause_before(w.begun()));
        w.call();
    }
    return w.seen;
}
constexpr step plays[] = {
    {.how = result::form::error, .takes = 1ms},
    {.value = 1, .takes = 150ms},
    {.value = 1, .takes = 1ms, .calls_again = true},
};

template <kind... Kinds>
auto documented_chain() {
    const settings s = documented();
    const auto policy = [&]<kind K>(std::integral_constant<kind, K>) {
        if constexpr (K == kind::retry) {
            return keel::retry<keel::exp_jitter>;
        } else {
            static const script none(0);
            static world w(none, false);
            beside b(s);
            return policy_of<K, by_expected>(s, b, w);
        }
    };
    return (... | policy(std::integral_constant<kind, Kinds>{}));
}

/// What keel itself says of a pair.
struct account {
    std::string strict = "does not compile";
    keel::explanation explained{};
};
template <std::size_t Pair>
account account_of_pair() {
    constexpr kind outer = static_cast<kind>(Pair / policies), inner = static_cast<kind>(Pair % policies);
    account a;
    if constexpr (composable<outer, inner>) {
        a.explained = keel::explain(documented_chain<outer, inner>());
        try {
            // With a breaker inside, for a retry without is a lint by itself.
            static_cast<void>(keel::strict(documented_chain<outer, inner, kind::breaker>()));
            a.strict = "ok";
        } catch (const keel::invalid_config& e) {
            a.strict = std::string("lint: ") + e.range();
        }
    }
    return a;
}
account account_of(const entry& pair) {
    static constexpr auto all = []<std::size_t... I>(std::index_sequence<I...>) {
        return std::array{account_of_pair<I>...};
    }(std::make_index_sequence<policies * policies>());
    return all[static_cast<std::size_t>(pair.chain.kinds[0]) * policies +
               static_cast<std::size_t>(pair.chain.kinds[1])]();
}

} // namespace

std::string facts_of(const entry& pair) {
    std::string text = account_of(pair).strict;
    for (const step& each : plays)
        text += "; " + (pair.make == nullptr ? std::string() : told(played(pair, each)));
    return text;
}

std::string unexplained(const entry& pair) {
    if (pair.make == nullptr) return {};
    const keel::explanation explained = account_of(pair).explained;
    for (const step& each : plays) {
        const std::vector<event> seen = played(pair, each);
        const auto runs = std::ranges::count(seen, event::form::invoked, &event::what);
        if (static_cast<std::uint64_t>(runs) > calls * explained.attempts)
            return std::to_string(runs) + " attempts, and there are at most " + std::to_string(explained.attempts) +
                   " in a call";
        for (const event& e : seen) {
            if (e.what == event::form::ended && e.came.how == result::form::rejection &&
                !explained.can_be(e.came.reason))
                return text_of(e.came) + std::string(" is none of the rejections that can come out");
        }
    }
    return {};
}

} // namespace matrix
