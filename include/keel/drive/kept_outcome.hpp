#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "../error.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
#include "../result.hpp"

#include <exception>
#include <expected>
#include <system_error>

namespace keel::detail {

/// The outcome of a call that is driven by hand, as plain bytes, to outlast a wait. Whoever keeps one puts it back,
/// once.
class kept_outcome {
  public:
    kept_outcome() = default;
    // An exception of a policy's function, the only ones that there are, is the one thing that is not plain: what holds
    // it is allocated.
    explicit kept_outcome(const outcome_of<by_hand_result>& o)
      : rejection_(o.rejection())
      , says_nothing_(o.default_ending() == ending::ignored)
      , retry_after_(o.retry_after())
      , error_(o.returned() && !o.succeeded() ? o.result()->error() : std::error_code())
      , thrown_(o.exception() ? new std::exception_ptr(o.exception()) : nullptr) {}

    explicit kept_outcome(const admission& refusal) noexcept
      : rejection_(refusal.reason)
      , retry_after_(refusal.retry_after) {}

    void put_back(outcome_of<by_hand_result>& o) {
        if (thrown_ != nullptr)
            o.threw(*thrown_);
        else if (rejection_ == errc{})
            put(o, error_, retry_after_);
        else if (says_nothing_)
            o.refuse(rejection_, retry_after_);
        else
            o.reject(rejection_, retry_after_);
        delete thrown_;
    }
    static void put(outcome_of<by_hand_result>& o, std::error_code error, nanos retry_after) {
        o.emplace([&] { return error ? by_hand_result(std::unexpect, error) : by_hand_result(); });
        o.hint(retry_after);
    }

    errc rejection() const noexcept { return rejection_; }
    nanos retry_after() const noexcept { return retry_after_; }
    by_hand_result result() const noexcept {
        const std::error_code why = rejection_ == errc{} ? error_ : make_error_code(rejection_);
        return why ? by_hand_result(std::unexpect, why) : by_hand_result();
    }

  private:
    errc rejection_{};
    bool says_nothing_ = false;
    nanos retry_after_{};
    std::error_code error_;
    std::exception_ptr* thrown_ = nullptr;
};

} // namespace keel::detail
