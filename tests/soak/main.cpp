// SPDX-License-Identifier: BSL-1.0

// Calls a server that cannot be relied on through pipelines of all kinds, for so many seconds:
//
//     soak [SECONDS]
//
// In rounds: at the end of each, every call has ended, and then all that was counted must add up. `KEEL_SEED=n` begins
// with that seed; threads and the network do what they like with it.

#include "crowd.hpp"
#include "guard.hpp"
#include "ledger.hpp"
#include "server.hpp"
#include "support/seed.hpp"

#include <keel/keel.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <system_error>
#include <thread>

namespace {

/// Sockets, and what an io_context waits with. Sanitizers open other files.
std::uint64_t open_by_asio() {
    std::uint64_t found = 0;
    for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code closed; // the folder itself
        const std::string what = std::filesystem::read_symlink(file, closed);
        found += what.starts_with("socket:") || what.starts_with("anon_inode:");
    }
    return found;
}

void print(const soak::guard& g) {
    const soak::ledger& l = g.calls;
    std::cout << g.name() << ": " << l.calls << " calls, " << l.attempts << " attempts; " << l.succeeded
              << " succeeded, " << l.failed << " failed, " << l.cancelled << " cancelled, " << l.destroyed
              << " destroyed";
    for (std::size_t i = 0; i < l.rejected.size(); ++i) {
        if (l.rejected[i] != 0) std::cout << ", " << l.rejected[i] << ' ' << message(static_cast<keel::errc>(i));
    }
    std::cout << std::endl;
}

} // namespace

int main(int argc, char** argv) {
    const std::chrono::seconds lasting(argc > 1 ? std::atoi(argv[1]) : 120);
    const auto end = std::chrono::steady_clock::now() + lasting;
    const std::uint64_t seed = support::given("KEEL_SEED", std::random_device()());
    std::cout << "seed " << seed << std::endl;
    std::mt19937_64 random(seed);

    soak::checks checks;
    soak::call::begin_checks(checks);
    const std::uint64_t open_before = open_by_asio();
    {
        const keel::ticker ticks;
        soak::server server(random());
        soak::guards guards{soak::all_guards(), {}};
        const auto each = [&](const auto& f) {
            for (const auto& g : guards.for_coroutines)
                f(*g);
            f(guards.for_both);
        };
        do {
            soak::crowd longer(guards, checks, server.endpoint(), random());
            {
                const soak::crowd shorter(guards, checks, server.endpoint(), random());
                std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
            longer.finish();
            each([&](soak::guard& g) { g.check(checks); });
        } while (std::chrono::steady_clock::now() < end);
        each([&](soak::guard& g) {
            checks.hold(g.name() + ": there are calls that succeed", g.calls.succeeded > 0);
            g.check_recovery(checks);
        });
        each(print);
        server.stop();
        std::cout << server.account() << std::endl;
    }
    checks.equal("no socket is left open", open_by_asio(), open_before);
    return checks.end();
}
