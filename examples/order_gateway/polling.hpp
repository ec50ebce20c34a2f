#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <thread>

namespace order_gateway {

/// What a busy-polling loop does after a turn that found nothing: it spins on, which is all that happens where it has a
/// core of its own. Where it has none, whoever it waits for may need this one: so now and then others may run.
class polling {
  public:
    void turned(bool found_something) noexcept {
        if (found_something)
            in_vain_ = 0;
        else if (++in_vain_ % 64 == 0)
            std::this_thread::yield();
    }

  private:
    unsigned in_vain_ = 0;
};

} // namespace order_gateway
