#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "cache_store.hpp"
#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "config.hpp"
#include "context.hpp"
#include "detail/macros.hpp"
#include "detail/result_from.hpp"
#include "detail/ring.hpp"
#include "drive/function.hpp"
#include "duration.hpp"
#include "result.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel {

struct cache_config {
    nanos ttl{}; ///< how long a value is good for: above 0, at most 100 years; must be given

    constexpr config_error validate() const noexcept { return detail::checker("cache").positive("ttl", ttl).error; }
};

/// What a cache has done so far.
struct cache_stats {
    std::uint64_t hits = 0;       ///< answered from the store
    std::uint64_t misses = 0;     ///< not in the store, or out of date
    std::uint64_t not_stored = 0; ///< values that came after `erase`, or at which the store threw

    friend bool operator==(const cache_stats&, const cache_stats&) = default;
};

/// Keeps what functions return, by key, for as long as `ttl`, in a store that the user brings:
///
///     std::unordered_map<std::string, keel::cached<quote>> store;
///     keel::cache quotes{store, {.ttl = 5s}};
///     quote q = quotes(key, [&] { return fetch(key); });
///
/// Only successes are kept: neither exceptions nor errors of an expected. An entry that is out of date is erased when
/// it is asked for, or by `erase_expired()`. Refers to the store, which must outlive it, and which nobody else may use
/// while calls are under way.
///
/// Thread-safe: a `Mutex` of its own guards the store, and is not held while a function runs, so calls that miss at the
/// same time all run theirs: see `coalesced`. Values are copied from the store under it, and so are keys into the
/// store; for what is dear to copy keep a `std::shared_ptr` to it. Without threads, any type with `lock()` and
/// `unlock()` that do nothing will do for `Mutex`.
///
/// The constructor throws `invalid_config`.
template <cache_store Store, monotonic_clock Clock = steady_clock, class Mutex = std::mutex>
class cache {
  public:
    using key_type = typename Store::key_type;
    using value_type = typename detail::value_in<typename Store::mapped_type>::type;

    cache(Store& store, const cache_config& configured, Clock clock = {})
      : store_(store)
      , ttl_(detail::validated(configured).ttl)
      , clock_(std::move(clock)) {}
    cache(const Store&& a_temporary_store_ends_before_its_cache_so_give_it_a_name, const cache_config&,
          Clock = {}) = delete;
    cache(const cache&) = delete;
    cache& operator=(const cache&) = delete;

    /// The value in the store, if there is one that is not out of date; otherwise what `f()` returns, which is then
    /// stored, if it is a success, and good for `ttl` from now on. `f` returns a value or an expected of one.
    ///
    /// A value that was erased while `f` ran is returned and not stored. Neither is one that the store throws at.
    template <std::invocable F>
    auto operator()(const key_type& key, F&& f) {
        using result = std::remove_cvref_t<std::invoke_result_t<F&>>;
        if (const std::optional<value_type> found = look(key, counting::yes)) return from_store<result>(*found);
        return run<result>(key, f);
    }

    /// As above, for calls that miss at the same time: those with the same key share one execution of `f` through
    /// `flights`, a `keel::coalesce`. `f` and the result are as there; so is who waits how long, with a context.
    template <class Flights, class F>
    auto coalesced(Flights& flights, const key_type& key, F&& f) {
        return shared(key, f, [&](auto& g) { return flights(key, g); });
    }
    template <class Flights, class F>
    auto coalesced(Flights& flights, const context& outer, const key_type& key, F&& f) {
        return shared(key, f, [&](auto& g) { return flights(outer, key, g); });
    }

    /// The value in the store, if there is one that is not out of date. Counts as a hit or a miss.
    std::optional<value_type> find(const key_type& key) { return look(key, counting::yes); }

    /// From now on nothing that was read before is found: what functions under way return for that key is not stored.
    void erase(const key_type& key) {
        const std::lock_guard held(guard_);
        for (auto* p = &under_way_.after(); p != &under_way_; p = &p->after()) {
            auto* const r = static_cast<running*>(p);
            if (detail::are_same(store_, r->key, key)) r->is_outdated = true;
        }
        store_.erase(key);
    }

    /// Erases what is out of date, so that the store does not keep what nobody asks for. Takes as long as the store is
    /// large, under the lock. How many entries it were.
    std::size_t erase_expired()
        requires requires(Store& s) { s.erase(s.begin()); }
    {
        const time_point now = clock_.now();
        const std::lock_guard held(guard_);
        std::size_t erased = 0;
        for (auto i = store_.begin(); i != store_.end();) {
            const bool is_over = i->second.until <= now;
            i = is_over ? store_.erase(i) : std::next(i);
            erased += is_over;
        }
        return erased;
    }

    cache_stats stats() const {
        const std::lock_guard held(guard_);
        return stats_;
    }
    const Clock& clock() const noexcept { return clock_; }

  private:
    enum class counting : bool { no, yes };

    /// A call that runs its function.
    struct running : detail::ring_place {
        explicit running(const key_type& k)
          : key(k) {}
        const key_type& key;
        bool is_outdated = false;
    };

    std::optional<value_type> look(const key_type& key, counting c) {
        const time_point now = clock_.now();
        const std::lock_guard held(guard_);
        const auto found = store_.find(key);
        if (found != store_.end()) {
            const typename Store::mapped_type& entry = found->second;
            if (now < entry.until) {
                std::optional<value_type> value(entry.value);
                stats_.hits += c == counting::yes;
                return value;
            }
            store_.erase(key);
        }
        stats_.misses += c == counting::yes;
        return std::nullopt;
    }

    template <class R>
    static R from_store(const value_type& value) {
        return detail::result_from<R>([&]() -> const value_type& { return value; });
    }

    template <class R, class F>
    R run(const key_type& key, F&& f) {
        static_assert(detail::brings<R, value_type>,
                      "keel: the function's result must be of the store's value type, or an expected of it");
        running mine(key);
        {
            const std::lock_guard held(guard_);
            mine.enter(under_way_);
        }
        KEEL_TRY {
            R result = f();
            detail::is_ok(result) ? keep(mine, result) : leave(mine, 0);
            return result;
        }
        KEEL_CATCH_ALL {
            leave(mine, 0);
            KEEL_RETHROW;
        }
    }

    void leave(running& mine, unsigned lost) {
        const std::lock_guard held(guard_);
        mine.leave();
        stats_.not_stored += lost;
    }

    template <class R>
    void keep(running& mine, const R& result) {
        KEEL_TRY {
            const value_type* value = nullptr;
            if constexpr (std::same_as<R, value_type>)
                value = &result;
            else
                value = &*result;
            typename Store::mapped_type entry{*value, clock_.now() + ttl_};
            const std::lock_guard held(guard_);
            if (!mine.is_outdated) {
                store_.insert_or_assign(mine.key, std::move(entry));
                mine.leave();
                return;
            }
        }
        KEEL_CATCH_ALL {}
        leave(mine, 1);
    }

    template <class F, class Fly>
    auto shared(const key_type& key, F& f, Fly fly) {
        using own = std::remove_cvref_t<detail::raw_result<F>>;
        auto led = [&](const context& c) {
            // Another flight may have stored it since this call has looked.
            if (const std::optional<value_type> found = look(key, counting::no)) return from_store<own>(*found);
            return run<own>(key, [&]() -> decltype(auto) {
                if constexpr (detail::takes_context<F>)
                    return f(c);
                else
                    return f();
            });
        };
        using result = std::remove_cvref_t<decltype(fly(led))>;
        if (const std::optional<value_type> found = look(key, counting::yes)) return from_store<result>(*found);
        return result(fly(led));
    }

    Store& store_;
    nanos ttl_;
    [[no_unique_address]] Clock clock_;
    mutable Mutex guard_;
    detail::ring_place under_way_;
    cache_stats stats_;
};

} // namespace keel
