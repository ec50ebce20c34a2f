#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "detail/lesser.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "outcome.hpp"
#include "policy.hpp"
#include "sync/fair_permits.hpp"

#include <cstdint>
#include <type_traits>

namespace keel {

struct bulkhead_options {
    std::uint32_t waiters = 256; ///< calls that can wait at a time: a power of two from 2 to 1024; 4 bytes each
};

struct bulkhead_config {
    int permits = 25; ///< calls that may be under way at once: 1 to 1'000'000
    nanos max_wait{}; ///< how long a call waits for a permit: 0, which refuses at once, to 100 years

    constexpr config_error validate() const noexcept {
        constexpr std::uint32_t most = fair_permits<2>::most_permits;
        return detail::checker("bulkhead")
            .require(permits >= 1 && permits <= static_cast<int>(most), "permits", permits,
                     "must be at least 1 and at most 1000000")
            .not_negative("max_wait", max_wait)
            .error;
    }
};

namespace detail {

/// How long a call in line sleeps between two looks at its place, by how many are ahead of it. The first in line sleeps
/// for 50 us, since Linux lets any sleep last that much longer than asked unless told otherwise; those behind it for
/// longer.
constexpr nanos time_between_looks(std::uint32_t ahead) noexcept {
    constexpr std::int64_t shortest = 50'000, longest = 1'000'000;
    return nanos(lesser(longest, shortest * (std::int64_t{ahead} + 1)));
}

/// What a call remembers while it waits for a permit.
template <class Permits>
struct place_in_line {
    typename Permits::ticket place{};
    time_point until{};
    bool in_line = false;
};

/// The hooks of a policy that takes a permit for each attempt. `Policy` has a `state` with `permits`, and
/// `config_of(state)`.
template <class Policy>
struct permitting {
    static constexpr errc rejections[] = {errc::bulkhead_full};

    template <class State>
    KEEL_ALWAYS_INLINE bool fast_admit(State& s, call&) const noexcept {
        return s.permits.try_take(count(s));
    }
    template <class State>
    KEEL_ALWAYS_INLINE bool fast_settle(State& s, call&) const noexcept {
        s.permits.give_back(count(s));
        return true;
    }
    template <class State>
    KEEL_ALWAYS_INLINE admission fast_refuse(State& s, call&) const noexcept {
        return max_wait(s) == nanos(0) && s.permits.is_full(count(s)) ? refuse(errc::bulkhead_full) : proceed;
    }

    template <class State, class Frame>
    admission admit(State& s, call& c, Frame& f) const noexcept {
        if (f.in_line) return look(s, c, f);
        if (s.permits.try_take(count(s))) return proceed;
        if (max_wait(s) == nanos(0)) return refuse(errc::bulkhead_full);
        f.until = lesser(c.deadline, c.now() + max_wait(s));
        using entry = typename std::remove_cvref_t<decltype(s.permits)>::entry;
        const entry entered = s.permits.enter(count(s), f.place);
        if (entered == entry::took_permit) return proceed;
        if (entered == entry::line_is_full) return refuse(errc::bulkhead_full);
        f.in_line = true;
        return look(s, c, f);
    }
    template <class State>
    verdict settle(State& s, call&, auto&, outcome&) const noexcept {
        s.permits.give_back(count(s));
        return verdict::keep();
    }
    template <class State>
    void abandon(State& s, call&, auto& f) const noexcept {
        if (f.in_line)
            leave(s, f);
        else
            s.permits.give_back(count(s));
    }

  private:
    template <class State>
    KEEL_ALWAYS_INLINE std::uint32_t count(const State& s) const noexcept {
        return static_cast<std::uint32_t>(static_cast<const Policy&>(*this).config_of(s).permits);
    }
    template <class State>
    KEEL_ALWAYS_INLINE nanos max_wait(const State& s) const noexcept {
        return static_cast<const Policy&>(*this).config_of(s).max_wait;
    }

    template <class State, class Frame>
    admission look(State& s, call& c, Frame& f) const noexcept {
        const time_point now = c.now();
        const bool is_handed_over = s.permits.is_handed_over(f.place);
        // A wait may last longer than it was meant to.
        if (is_handed_over && now < c.deadline) {
            f.in_line = false;
            return proceed;
        }
        if (is_handed_over || now >= f.until || c.stop_requested()) {
            leave(s, f);
            return refuse(errc::bulkhead_full);
        }
        return ask_again_after(lesser(time_between_looks(s.permits.ahead_of(f.place)), nanos(f.until - now)));
    }
    /// Or hands on what it got in that very moment.
    template <class State, class Frame>
    void leave(State& s, Frame& f) const noexcept {
        f.in_line = false;
        if (!s.permits.leave(f.place)) s.permits.give_back(count(s));
    }
};

constexpr policy_facts facts_of_bulkhead(nanos max_wait) noexcept {
    return {
        .name = "bulkhead", .does = "refuses while all its permits are out", .waits = max_wait, .holds_permit = true};
}

} // namespace detail

/// Lets in at most `permits` calls at once. Others are refused with `errc::bulkhead_full`, or wait in line for at most
/// `max_wait`, and never past the deadline that a timeout further out has set; first come, first served. The permit
/// goes back however the call ends. Right of `retry` each attempt takes a permit, and none is held between attempts.
///
/// One read-modify-write takes a permit, one gives it back.
template <bulkhead_options Options = bulkhead_options{}>
struct bulkhead_policy : detail::permitting<bulkhead_policy<Options>> {
    bulkhead_config config{};

    using frame = detail::place_in_line<fair_permits<Options.waiters>>;

    /// `p.get<"name">()` of a bulkhead with that name. Its figures are of the moment, from any thread.
    template <class>
    class state {
      public:
        explicit state(const bulkhead_policy& owner)
          : most_(static_cast<std::uint32_t>(owner.config.permits)) {}

        std::uint32_t in_flight() const noexcept { return permits.in_use(most_); }
        std::uint32_t waiting() const noexcept { return permits.waiting(); }

      private:
        friend detail::permitting<bulkhead_policy>;
        fair_permits<Options.waiters> permits;
        std::uint32_t most_;
    };

    constexpr bulkhead_policy() = default;
    constexpr explicit bulkhead_policy(const bulkhead_config& configured)
      : config(configured) {}

    constexpr bulkhead_policy operator()(const bulkhead_config& c) const {
        return detail::validated(bulkhead_policy(c));
    }

    constexpr config_error validate() const noexcept { return config.validate(); }
    constexpr policy_facts facts() const noexcept { return detail::facts_of_bulkhead(config.max_wait); }

    template <class State>
    KEEL_ALWAYS_INLINE const bulkhead_config& config_of(const State&) const noexcept {
        return config;
    }
};

/// `bulkhead({.permits = 10, .max_wait = 50ms}) | ...`
inline constexpr bulkhead_policy<> bulkhead{};

/// `basic_bulkhead<{.waiters = 1024}>({.permits = 10, .max_wait = 50ms}) | ...`
template <bulkhead_options Options>
inline constexpr bulkhead_policy<Options> basic_bulkhead{};

/// A bulkhead's permits as an object of their own, which several pipelines share by `through(it)` and which must
/// outlive them. Neither copied nor moved; allocates nothing.
///
///     keel::shared_bulkhead database{{.permits = 10}};
///     keel::pipeline p{keel::timeout(1s) | keel::through(database)};
template <bulkhead_options Options = bulkhead_options{}>
class shared_bulkhead {
  public:
    /// Throws `invalid_config`. May be `constinit`.
    constexpr shared_bulkhead()
      : shared_bulkhead(bulkhead_config{}) {}
    constexpr explicit shared_bulkhead(const bulkhead_config& configured)
      : config_(detail::validated(configured)) {}

    const bulkhead_config& config() const noexcept { return config_; }
    std::uint32_t in_flight() const noexcept { return permits_.in_use(static_cast<std::uint32_t>(config_.permits)); }
    std::uint32_t waiting() const noexcept { return permits_.waiting(); }

  private:
    template <class>
    friend struct through_bulkhead_policy;

    fair_permits<Options.waiters> permits_;
    bulkhead_config config_;
};

/// As `bulkhead`, with permits that several pipelines share.
template <class Shared>
struct through_bulkhead_policy : detail::permitting<through_bulkhead_policy<Shared>> {
    Shared* shared = nullptr;

    using permits_type = decltype(Shared::permits_);
    using frame = detail::place_in_line<permits_type>;

    /// `p.get<"name">()` of one with that name. Its figures are of the moment, from any thread, and of all pipelines.
    template <class>
    class state {
      public:
        explicit state(const through_bulkhead_policy& owner)
          : permits(owner.shared->permits_)
          , config_(owner.shared->config_) {}

        std::uint32_t in_flight() const noexcept { return permits.in_use(static_cast<std::uint32_t>(config_.permits)); }
        std::uint32_t waiting() const noexcept { return permits.waiting(); }

      private:
        friend through_bulkhead_policy;
        friend detail::permitting<through_bulkhead_policy>;
        permits_type& permits;
        const bulkhead_config& config_;
    };

    constexpr explicit through_bulkhead_policy(Shared& joined) noexcept
      : shared(&joined) {}

    // A constant expression can name what is shared, but not look into it.
    constexpr policy_facts facts() const noexcept {
        if consteval {
            return detail::facts_of_bulkhead(nanos::max());
        } else {
            return detail::facts_of_bulkhead(shared->config().max_wait);
        }
    }

    template <class State>
    KEEL_ALWAYS_INLINE static const bulkhead_config& config_of(const State& s) noexcept {
        return s.config_;
    }
};

/// `timeout(1s) | through(database)`. One with static storage can be named in the chain of a `static_pipeline`.
template <bulkhead_options Options>
constexpr auto through(shared_bulkhead<Options>& shared) noexcept {
    return through_bulkhead_policy<shared_bulkhead<Options>>(shared);
}

struct a_temporary_bulkhead_ends_before_the_pipeline_so_give_it_a_name;
template <bulkhead_options Options>
a_temporary_bulkhead_ends_before_the_pipeline_so_give_it_a_name through(const shared_bulkhead<Options>&&) = delete;

} // namespace keel
