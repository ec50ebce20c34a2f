// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

namespace {
struct switchable {
    const std::atomic<bool>* on;

    bool fast_admit(keel::call&) const noexcept { return on->load(std::memory_order_relaxed); }
    bool fast_settle(keel::call&) const noexcept { return true; }

    keel::admission admit(keel::call&, auto&) const { return *on ? keel::proceed : keel::refuse(keel::errc::refused); }
    keel::verdict settle(keel::call&, auto&, keel::outcome&) const { return keel::verdict::keep(); }
};

// Says how long failed calls took. The time comes from the call: it is read at most once for each moment.
struct slow_failures {
    void (*report)(std::chrono::nanoseconds);

    struct frame {
        keel::time_point began;
    };
    keel::admission admit(keel::call& c, frame& f) const {
        f.began = c.now();
        return keel::proceed;
    }
    keel::verdict settle(keel::call& c, frame& f, keel::outcome& o) const {
        if (!o.succeeded()) report(c.now() - f.began);
        return keel::verdict::keep();
    }
};

std::atomic<bool> maintenance_is_over{true};
std::chrono::nanoseconds reported{};
} // namespace

int main() {
    keel::static_pipeline<switchable{&maintenance_is_over} | keel::retry<keel::exp_jitter> | keel::breaker<>> p;
    assert(p([] { return 1; }) == 1);
    maintenance_is_over = false;
    assert(p.attempt([] { return 1; }).error() == keel::errc::refused);

    keel::manual_clock time;
    keel::pipeline q{slow_failures{[](std::chrono::nanoseconds took) { reported = took; }}, time};
    static_cast<void>(q.attempt([&]() -> int {
        time.advance(7ms);
        throw 1;
    }));
    assert(reported == 7ms);
}
