#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/keel.hpp>

#include <system_error>

namespace order_gateway {

/// What a desk has without keel: a deadline for each request, and nothing that ever says no. It looks like a pipeline,
/// so that one and the same loop runs with and without.
template <keel::nanos After>
class unguarded {
  public:
    class ticket {
      public:
        explicit ticket(keel::time_point deadline) noexcept
          : deadline_(deadline) {}
        explicit operator bool() const noexcept { return true; }
        static bool waiting() noexcept { return false; }
        static keel::nanos delay() noexcept { return {}; }
        static bool resume() noexcept { return false; }
        static keel::errc error() noexcept { return {}; }
        keel::time_point deadline() const noexcept { return deadline_; }
        static keel::again success() noexcept { return {}; }
        static keel::again failure(std::error_code) noexcept { return {}; }

      private:
        keel::time_point deadline_;
    };

    static ticket begin() noexcept { return ticket(keel::cached_clock::now() + After); }
};

} // namespace order_gateway
