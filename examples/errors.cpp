// SPDX-License-Identifier: BSL-1.0

// A function reports failure by what it returns or by an exception, and a refusal reaches its caller the same way.

#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <concepts>
#include <expected>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;

int main() {
    constexpr auto chain = keel::timeout | keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}});
    keel::pipeline p{chain};

    // Exceptions: the function's own passes unchanged; it opens this circuit, and a refusal is a std::system_error.
    try {
        p([]() -> int { throw std::out_of_range("no such key"); });
        assert(false);
    } catch (const std::out_of_range&) {
    }
    try {
        p([] { return 42; });
        assert(false);
    } catch (const keel::rejected& e) {
        assert(e.code() == keel::errc::circuit_open && e.code() == std::errc::resource_unavailable_try_again);
    }

    // An expected whose error can be made from keel::errc comes back as it is ...
    std::expected<int, std::error_code> same = p([]() -> std::expected<int, std::error_code> { return 42; });
    assert(!same && same.error() == keel::errc::circuit_open);
    assert(p([] { return std::error_code(); }) == keel::errc::circuit_open);

    // ... and any other with its error widened by the rejections that this very chain can produce.
    enum class parse_error { bad_header };
    auto wide = p([]() -> std::expected<int, parse_error> { return 42; });
    static_assert(
        std::same_as<decltype(wide),
                     std::expected<int, keel::error_of<parse_error, keel::errc::timed_out, keel::errc::circuit_open>>>);
    assert(wide.error().is_rejection() && wide.error().reason() == keel::errc::circuit_open);

    // attempt() never throws: one of a rejection, an exception and, of an expected, its error.
    std::expected<int, keel::failure> tried = p.attempt([] { return 42; });
    assert(tried.error() == keel::errc::circuit_open && tried.error().exception() == nullptr);
    keel::pipeline closed{chain};
    tried = closed.attempt([]() -> int { throw std::out_of_range("no such key"); });
    assert(!tried.error().is_rejection() && tried.error().exception() != nullptr);
}
