// SPDX-License-Identifier: BSL-1.0

// If no price can be fetched, the answer is the last one that was seen, marked as stale. Before there is one, the
// answer is the failure itself.

#include <keel/keel.hpp>

#include <cassert>
#include <expected>
#include <optional>
#include <system_error>

struct quote {
    int price;
    bool fresh;
};
using answer = std::expected<quote, std::error_code>;

int main() {
    std::optional<int> last;
    keel::pipeline guard{keel::fallback([&](const keel::basic_failure<std::error_code>& why) -> answer {
                             if (last) return quote{*last, false};
                             return std::unexpected(why.error() != nullptr ? *why.error() : why.reason());
                         }).ignoring_if([](std::error_code e) { return e == std::errc::permission_denied; }) |
                         keel::timeout | keel::breaker<>({.minimum_calls = 4})};
    const auto ask = [&](auto exchange) {
        const answer r = guard(exchange);
        if (r && r->fresh) last = r->price;
        return r;
    };

    int asked = 0;
    const auto up = []() -> answer { return quote{101, true}; };
    const auto down = [&]() -> answer {
        ++asked;
        return std::unexpected(make_error_code(std::errc::host_unreachable));
    };
    const auto forbidden = []() -> answer { return std::unexpected(make_error_code(std::errc::permission_denied)); };

    assert(ask(down).error() == std::errc::host_unreachable);
    assert(ask(up)->fresh);
    assert(ask(forbidden).error() == std::errc::permission_denied);
    for (int i = 0; i < 10; ++i) {
        const answer r = ask(down);
        assert(r->price == 101 && !r->fresh);
    }
    assert(asked < 10); // the circuit opened: now the answer comes without the exchange
}
