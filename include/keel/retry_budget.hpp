#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "config.hpp"
#include "detail/lesser.hpp"
#include "detail/macros.hpp"
#include "sync/atomics.hpp"
#include "sync/sharded_count.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace keel {

/// Configuration of a retry budget, by the rules of gRPC's retry throttling (gRFC A6, "gRPC Retry Design").
struct retry_budget_config {
    int max_tokens = 100; ///< what the bucket holds, and begins with; 1 to 1000, and below 3 nobody retries
    double ratio = 0.1;   ///< how much a success puts in; 0.001 to 1000, with at most 3 decimals

    constexpr config_error validate() const noexcept {
        return detail::checker("retry_budget")
            .require(max_tokens >= 1 && max_tokens <= 1000, "max_tokens", max_tokens,
                     "must be at least 1 and at most 1000")
            .require(ratio > 0 && ratio <= 1000 && static_cast<double>(earned()) / 1000 == ratio, "ratio", ratio,
                     "must be above 0 and at most 1000, with at most 3 decimals")
            .error;
    }

    /// In thousandths of a token, the unit that a budget counts in.
    constexpr std::uint64_t most() const noexcept { return static_cast<std::uint64_t>(max_tokens) * 1000; }
    constexpr std::uint64_t earned() const noexcept {
        const double exact = ratio * 1000;
        const auto whole = static_cast<std::uint64_t>(exact);
        return exact - static_cast<double>(whole) < 0.5 ? whole : whole + 1;
    }
};

namespace detail {

/// The tokens of a budget at its latest failure, and how many successes there had been by then:
/// `successes:44 | thousandths of a token:20`.
///
/// The successes wrap after 2^44 of them without a failure in between: five hours at a billion a second. Only what is
/// beyond whole rounds counts then, and a million successes fill the largest bucket at the smallest ratio anyway.
struct budget_word {
    static constexpr unsigned token_bits = 20;
    static constexpr std::uint64_t token_mask = (std::uint64_t{1} << token_bits) - 1;
    static constexpr std::uint64_t cost = 1000; ///< of a failure

    std::uint64_t bits;

    static constexpr budget_word of(std::uint64_t tokens, std::uint64_t successes) noexcept {
        return {successes << token_bits | tokens};
    }
    constexpr std::uint64_t tokens() const noexcept { return bits & token_mask; }

    /// With what has been earned since, when there have been `successes` in all.
    constexpr budget_word after(std::uint64_t successes, const retry_budget_config& c) const noexcept {
        const std::uint64_t fresh = ((successes << token_bits) - (bits & ~token_mask)) >> token_bits;
        return of(lesser(tokens() + fresh * c.earned(), c.most()), successes);
    }
    constexpr budget_word less_one() const noexcept { return {bits - lesser(tokens(), cost)}; }
    constexpr bool affords_retry(const retry_budget_config& c) const noexcept { return 2 * tokens() > c.most(); }
};
// The largest bucket fits, and what successes can earn between two failures is below 2^64.
inline constexpr std::uint64_t largest_bucket = 1'000'000;
static_assert(largest_bucket <= budget_word::token_mask);
static_assert(~std::uint64_t{0} / largest_bucket > (~std::uint64_t{0} >> budget_word::token_bits) + 1);

} // namespace detail

/// Limits retries to a share of the successes, so that retries do not keep an overloaded callee down. A failed attempt
/// takes a token, a success puts `ratio` of one back, and nobody retries unless more than half of `max_tokens` are
/// there. May be shared by any number of pipelines, which it must outlive; thread-safe; neither copied nor moved; can
/// have static storage (`constinit`).
///
/// A success only adds one in this thread's shard, without an atomic read-modify-write; the next failure credits the
/// tokens. There are only successes between two failures, so it is the same whether they are added and capped at
/// `max_tokens` all at once or one by one. With several threads the budget is what it would be if their calls had ended
/// in some order, in which a call comes before those that begin after it; each success is counted once.
template <std::size_t Shards = 16, class Atomics = std_atomics>
class basic_retry_budget {
  public:
    constexpr basic_retry_budget()
      : basic_retry_budget(retry_budget_config{}) {}
    /// Throws `invalid_config`.
    constexpr explicit basic_retry_budget(const retry_budget_config& configured)
      : config_(detail::validated(configured))
      , word_(detail::budget_word::of(configured.most(), 0).bits) {}
    basic_retry_budget(const basic_retry_budget&) = delete;
    basic_retry_budget& operator=(const basic_retry_budget&) = delete;

    const retry_budget_config& config() const noexcept { return config_; }

    /// How many tokens there are: 0 to `max_tokens`.
    double tokens() const noexcept { return static_cast<double>(now().tokens()) / 1000; }

    /// Whether there are enough for a retry.
    bool affords_retry() const noexcept { return now().affords_retry(config_); }

    /// An attempt succeeded. Returns false, and does nothing, if this thread has no shard.
    KEEL_ALWAYS_INLINE bool try_success() noexcept { return successes_.try_count(); }
    void success() noexcept { successes_.count(); }

    /// An attempt failed. Returns whether there are still enough tokens for a retry.
    bool failure() noexcept {
        // Acquire pairs with the release of whoever stored this: the sum below is then no less than theirs, for each
        // shard is read after they read it. So no success is counted twice, and the difference is never negative.
        std::uint64_t seen = word_.load(std::memory_order_acquire);
        for (;;) {
            const detail::budget_word left = detail::budget_word{seen}.after(successes_.sum(), config_).less_one();
            if (word_.compare_exchange_weak(seen, left.bits, std::memory_order_release, std::memory_order_acquire))
                return left.affords_retry(config_);
        }
    }

  private:
    detail::budget_word now() const noexcept {
        const std::uint64_t seen = word_.load(std::memory_order_acquire);
        return detail::budget_word{seen}.after(successes_.sum(), config_);
    }

    sharded_count<Shards, Atomics> successes_;
    retry_budget_config config_;
    typename Atomics::template atomic<std::uint64_t> word_;
};

using retry_budget = basic_retry_budget<>;

} // namespace keel
