// SPDX-License-Identifier: BSL-1.0

// A policy of your own: lets in at most so many calls at a time. Each pipeline has a state of it. `admit` takes a place
// or refuses; the place goes back when the call ends (`settle`), or is dropped because something threw (`abandon`).

#include <keel/keel.hpp>

#include <atomic>
#include <cassert>

struct at_most {
    int calls;

    template <class Clock>
    struct state {
        explicit state(const at_most& p)
          : free(p.calls) {}
        std::atomic<int> free;
    };
    keel::admission admit(auto& s, keel::call&, auto&) const {
        if (s.free.fetch_sub(1) > 0) return keel::proceed;
        s.free.fetch_add(1);
        return keel::refuse(keel::errc::refused);
    }
    keel::verdict settle(auto& s, keel::call&, auto&, keel::outcome&) const {
        s.free.fetch_add(1);
        return keel::verdict::keep();
    }
    void abandon(auto& s, keel::call&, auto&) const noexcept { s.free.fetch_add(1); }
};
static_assert(keel::policy<at_most>);

int main() {
    keel::static_pipeline<keel::timeout | at_most{2} | keel::breaker<>> p;
    int refused = 0;
    const int depth = p([&] {
        return p([&] {
            const auto third = p.attempt([] { return 3; });
            refused += !third && third.error() == keel::errc::refused;
            return 2;
        });
    });
    assert(depth == 2 && refused == 1);
    assert(p([] { return 1; }) == 1); // both are free again
}
