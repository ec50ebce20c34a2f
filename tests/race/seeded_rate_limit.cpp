// SPDX-License-Identifier: BSL-1.0

// keel's own rate limiters, with exchanges that are none.

#include "seeded.hpp"

#include "checked_rate.hpp"

#include <keel/rate/fixed_window.hpp>
#include <keel/rate/gcra.hpp>

namespace race {
namespace {

enum class bug {
    none,
    taken_by_store,    // a permit is taken by a load and a store
    given_back_anyhow, // a reservation is given back though others have queued behind it
};

template <bug B>
struct broken_atomics {
    template <class T>
    struct atomic : race::atomic<T> {
        using race::atomic<T>::atomic;
        bool compare_exchange_weak(T& seen, T next, order success, order failure, where w = where::current()) {
            if (B != bug::taken_by_store)
                return race::atomic<T>::compare_exchange_weak(seen, next, success, failure, w);
            this->store(next, success, w);
            return true;
        }
        bool compare_exchange_strong(T& seen, T next, order success, order failure, where w = where::current()) {
            if (B != bug::given_back_anyhow)
                return race::atomic<T>::compare_exchange_strong(seen, next, success, failure, w);
            this->store(next, success, w);
            return true;
        }
    };
};

using keel::fixed_window;
using keel::gcra;

template <bug B>
using gcra_express = two_of_three<gcra, broken_atomics<B>, true>;
template <bug B>
using gcra_cold = two_of_three<gcra, broken_atomics<B>, false>;
template <bug B>
using gcra_waits = each_waits_for_its_own<gcra, broken_atomics<B>>;
template <bug B>
using gcra_gives_back = one_gives_back<gcra, broken_atomics<B>>;
template <bug B>
using window_express = two_of_three<fixed_window, broken_atomics<B>, true>;
template <bug B>
using window_waits = each_waits_for_its_own<fixed_window, broken_atomics<B>>;
template <bug B>
using window_gives_back = one_gives_back<fixed_window, broken_atomics<B>>;

} // namespace

seeded_list rate_bugs() {
    return {
        seed<bug::taken_by_store, gcra_express>("gcra_taken_by_store"),
        seed<bug::taken_by_store, gcra_cold>("gcra_reserved_by_store"),
        seed<bug::taken_by_store, gcra_waits>("gcra_waits_by_store"),
        seed<bug::given_back_anyhow, gcra_gives_back>("gcra_given_back_anyhow"),
        seed<bug::taken_by_store, window_express>("window_taken_by_store"),
        seed<bug::taken_by_store, window_waits>("window_waits_by_store"),
        seed<bug::given_back_anyhow, window_gives_back>("window_given_back_anyhow"),
    };
}

} // namespace race
