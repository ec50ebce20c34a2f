#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "detail/circuit_word.hpp"
#include "duration.hpp"
#include "outcome.hpp"
#include "policy.hpp"

#include <chrono>
#include <utility>

namespace keel {

/// The right to make one call, and the generation in which it was granted. A result that comes back in another
/// generation is dropped: it neither trips, closes, nor takes or returns a probe.
template <class Word>
struct basic_circuit_permit {
    Word granted_in{};
    time_point began = time_point::min(); ///< set only where slow calls are counted
};
using circuit_permit = basic_circuit_permit<detail::circuit_word>;

/// A call that was asked for by hand, granted or refused. Its result is reported by `success()` or `failure()`; without
/// either it is ignored when this is destroyed. Movable; belongs to one thread at a time; must not outlive the circuit.
template <class Circuit>
class [[nodiscard]] acquired {
  public:
    acquired(acquired&& other) noexcept
      : circuit_(std::exchange(other.circuit_, nullptr))
      , permit_(other.permit_)
      , retry_after_(other.retry_after_) {}
    acquired& operator=(acquired&&) = delete;
    ~acquired() { end(ending::ignored); }

    /// Whether the call may be made.
    explicit operator bool() const noexcept { return circuit_ != nullptr; }
    /// After a refusal: how long until a call may be granted again; 0 if that is unknown.
    std::chrono::nanoseconds retry_after() const noexcept { return retry_after_; }

    /// The call has ended. Only the first of these counts.
    void success() noexcept { end(ending::succeeded); }
    void failure() noexcept { end(ending::failed); }

  private:
    friend Circuit;
    explicit acquired(Circuit& from) noexcept {
        call c = from.begun();
        const admission a = from.admit(permit_, c);
        if (a.granted())
            circuit_ = &from;
        else
            retry_after_ = a.retry_after;
    }
    void end(ending e) noexcept {
        if (circuit_ == nullptr) return;
        call c = circuit_->begun();
        std::exchange(circuit_, nullptr)->settle(permit_, c, e);
    }

    Circuit* circuit_ = nullptr;
    typename Circuit::permit permit_;
    nanos retry_after_{};
};

} // namespace keel
