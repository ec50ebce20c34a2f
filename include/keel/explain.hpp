#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "chain.hpp"
#include "detail/lesser.hpp"
#include "detail/text.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "policy.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace keel {

/// What `explain` says of a chain.
struct explanation {
    std::uint64_t attempts = 1;    ///< of the function in one call, at most
    nanos duration = nanos::max(); ///< of one call, at most, if the function keeps to its deadline and no failure asks
                                   ///< by a `retry_after()` for a longer wait; `nanos::max()` where nothing bounds it

    /// A line for each policy, from the outside in, and one for the whole. Refers to this object.
    constexpr std::string_view text() const noexcept { return text_.view(); }

    /// Whether a call can end with this rejection.
    constexpr bool can_be(errc reason) const noexcept { return reasons_[static_cast<std::size_t>(reason)]; }

  private:
    template <detail::composable C>
    friend constexpr explanation explain(const C& policies);

    static constexpr std::size_t last_reason = static_cast<std::size_t>(errc::injected);

    constexpr void describe(const policy_facts& f, std::size_t depth) noexcept {
        text_.indent(depth) << f.name << ": " << f.does;
        if (f.attempts > 1) text_ << ", up to " << f.attempts << " times";
        if (f.bound != nanos::max()) text_ << ", " << f.bound;
        if (f.waits == nanos::max())
            text_ << ", waits without a bound";
        else if (f.waits > nanos(0))
            text_ << ", waits for up to " << f.waits;
        text_ << "\n";
    }
    // From the inside out: what a policy makes of all that is inside it.
    constexpr void enclose(const policy_facts& f) noexcept {
        attempts = detail::saturated_product(attempts, f.attempts);
        const nanos last = detail::lesser(duration, f.bound);
        const nanos before = detail::times(detail::lesser(last, f.next_after), f.attempts > 1 ? f.attempts - 1 : 0);
        duration = detail::plus(detail::plus(before, last), f.waits);
        if (f.answers_failures) reasons_ = {};
    }
    template <class P>
    constexpr void may_refuse() noexcept {
        for (const errc each : detail::rejections_of<P>())
            reasons_[static_cast<std::size_t>(each)] = true;
    }
    constexpr void sum_up() noexcept {
        text_ << "at most " << attempts << (attempts == 1 ? " attempt" : " attempts");
        if (duration != nanos::max()) text_ << " in " << duration;
        std::string_view before = "; may be refused: ";
        for (std::size_t i = 1; i <= last_reason; ++i) {
            if (reasons_[i]) text_ << std::exchange(before, ", ") << message(static_cast<errc>(i));
        }
        text_ << "\n";
    }

    std::array<bool, 256> reasons_{};
    detail::text<2048> text_;
};

/// What a chain does, in words and in figures: the order of its policies, what bounds what, how many attempts and how
/// much time a call takes at most, which rejections can come out. Constant evaluation can do it.
///
///     constexpr auto account = keel::explain(keel::timeout(1s) | keel::retry<>);
///     static_assert(account.attempts == 3);
///     std::cout << account.text();
template <detail::composable C>
constexpr explanation explain(const C& policies) {
    using chain_type = detail::chain_of<C>;
    const chain_type& all = detail::as_chain(policies);
    const auto facts = detail::all_facts(all);
    explanation e;
    for (std::size_t i = 0; i < facts.size(); ++i)
        e.describe(facts[i], i);
    e.text_.indent(facts.size()) << "your function\n";
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        constexpr std::size_t last = sizeof...(I) - 1;
        ((e.enclose(facts[last - I]),
          e.template may_refuse<std::remove_cvref_t<decltype(all.template get<last - I>())>>()),
         ...);
    }(std::make_index_sequence<chain_type::size>());
    e.sum_up();
    return e;
}

} // namespace keel
