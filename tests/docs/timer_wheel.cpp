// SPDX-License-Identifier: BSL-1.0

// The timers of examples/order_gateway.cpp, by a time that is made up.

#include "../../examples/order_gateway/timer_wheel.hpp"

#include <array>
#include <cassert>
#include <chrono>
#include <cstddef>

using namespace std::chrono_literals;

struct entry : order_gateway::timer<entry> {
    int rang = 0;
};

int main() {
    order_gateway::timer_wheel<entry> wheel;
    const keel::time_point start(1h);
    const auto turn = [&](std::chrono::nanoseconds at) {
        int rang = 0;
        wheel.turn(start + at, [&](entry& e) {
            assert(e.due <= start + at);
            ++e.rang;
            ++rang;
        });
        return rang;
    };
    assert(turn(0ns) == 0);

    // To the nanosecond; in the bucket of this turn, in the next ones, and in other rounds of the wheel.
    constexpr std::chrono::nanoseconds delays[] = {1ns, 300us, 300us, 2ms, 255ms, 269ms, 270ms, 5s};
    std::array<entry, 8> entries;
    for (std::size_t i = 0; i != entries.size(); ++i)
        wheel.set(entries[i], start + delays[i]);
    for (std::size_t i = 0; i != entries.size(); ++i) {
        const int rings = i == 1 ? 2 : i == 2 ? 0 : 1;
        assert(turn(delays[i] - 1ns) == 0 || i == 2);
        assert(turn(delays[i]) == rings);
        assert(entries[i].rang == 1 && turn(delays[i]) == 0);
    }

    // Set again, one has its new time only; cancelled, it has none, which may be said twice.
    wheel.set(entries[0], start + 6s);
    wheel.set(entries[1], start + 6s);
    wheel.set(entries[2], start + 6s);
    wheel.set(entries[0], start + 7s);
    wheel.cancel(entries[1]);
    wheel.cancel(entries[1]);
    assert(turn(6s) == 1 && entries[2].rang == 2);
    assert(turn(7s) == 1 && entries[0].rang == 2);

    // After a pause of more than a round, all that is due rings at once, and once.
    std::array<entry, 256> every;
    for (std::size_t i = 0; i != every.size(); ++i)
        wheel.set(every[i], start + 7s + std::chrono::nanoseconds((i + 1) << 20));
    assert(turn(20s) == 256 && turn(21s) == 0);

    // What is due already rings at the next turn, and may set itself again.
    wheel.set(entries[0], start);
    const int before = entries[0].rang;
    for (int i = 0; i != 3; ++i) {
        wheel.turn(start + 21s, [&](entry& e) {
            ++e.rang;
            wheel.set(e, start + 21s);
        });
        assert(entries[0].rang == before + i + 1);
    }
}
