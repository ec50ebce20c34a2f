#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../call.hpp"
#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../drive/walk.hpp"
#include "../../duration.hpp"
#include "../../error.hpp"
#include "../../outcome.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

namespace keel::detail {

/// The steps of a call, or of a part of one, for a driver that can be suspended between them.
template <class Lanes, class R>
class steps {
  public:
    /// As `walk`.
    template <class... From>
    explicit steps(Lanes& pipeline, From&&... from)
      : pipeline_(pipeline)
      , walk_(pipeline, std::forward<From>(from)...) {}

    /// Of several that invoke the function for one call, each gets the number of its attempt from `shared`.
    step go_in(std::atomic<std::uint32_t>* shared = nullptr) {
        numbers_ = shared;
        return next(walk_.go_in());
    }
    time_point due() const noexcept { return walk_.due(); }
    step waited() {
        walk_.of().turn();
        return next(walk_.waited());
    }

    /// What the attempt that is to be made is told. To be handed in again with what came of that.
    context tell() noexcept { return walk_.of().as_context(clock_ref(pipeline_.clock())); }
    step returned(const context& told, R&& r) {
        end_attempt(told);
        walk_.outcome().emplace([&]() -> R { return std::move(r); });
        return next(walk_.ended());
    }
    step threw(const context& told, std::exception_ptr thrown, bool cancelled) {
        end_attempt(told);
        walk_.outcome().threw(std::move(thrown), cancelled);
        return next(walk_.ended());
    }
    step timed_out(const context& told) {
        end_attempt(told);
        walk_.outcome().reject(errc::timed_out);
        return next(walk_.ended());
    }
    /// `outcome()` has become what came of the fork, up to attempt `number`.
    step forked(const context& told, std::uint32_t number) {
        end_attempt(told);
        walk_.of().attempt = number;
        return next(walk_.ended());
    }
    outcome_of<R>& outcome() noexcept { return walk_.outcome(); }
    call& of() noexcept { return walk_.of(); }

  private:
    void end_attempt(const context& told) noexcept {
        walk_.of().take_back(told);
        walk_.of().turn();
    }
    step next(step s) noexcept {
        if (s == step::invoke) walk_.of().attempt = numbers_ == nullptr ? walk_.of().attempt + 1 : ++*numbers_;
        return s;
    }

    Lanes& pipeline_;
    walk<Lanes, R> walk_;
    std::atomic<std::uint32_t>* numbers_ = nullptr;
};

} // namespace keel::detail
