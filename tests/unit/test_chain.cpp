// SPDX-License-Identifier: BSL-1.0
#include <keel/breaker.hpp>
#include <keel/chain.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string_view>
#include <type_traits>

using namespace std::chrono_literals;
using keel::operator|; // neither side of it need be keel's own

namespace {
/// Knows its place, and may be misconfigured.
struct numbered {
    int number = 0;
    bool broken = false;
    keel::needs needs{};
    keel::admission admit(keel::call&, auto&) const { return keel::proceed; }
    keel::verdict settle(keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
    constexpr keel::config_error validate() const noexcept {
        return keel::detail::checker("numbered").require(!broken, "number", number, "no").error;
    }
};
template <class Chain>
int digits(const Chain& c) {
    return boost::hana::fold_left(c.policies, 0, [](int sum, const numbered& n) { return sum * 10 + n.number; });
}
} // namespace

TEST_CASE("policies are joined from the outside in, chains and policies alike") {
    const numbered a{1}, b{2}, c{3}, d{4};
    CHECK(digits(a | b) == 12);
    CHECK(digits(a | b | c) == 123);
    CHECK(digits(a | (b | c)) == 123);
    CHECK(digits((a | b) | (c | d)) == 1234);
    CHECK(std::is_same_v<decltype((a | b) | c), decltype(a | (b | c))>);
    CHECK((a | b | c).size == 3);
    CHECK((a | b | c).get<1>().number == 2);
}

TEST_CASE("a chain is a copy of its policies") {
    numbered a{1};
    const auto chain = a | numbered{2};
    a.number = 9;
    CHECK(digits(chain) == 12);
    const auto copy = chain;
    CHECK(digits(copy | copy) == 1212);
}

TEST_CASE("the first thing that is wrong with a chain is found from the outside in") {
    const numbered good{1}, bad{2, true}, worse{3, true};
    CHECK(!(good | good).validate());
    CHECK((good | bad | worse).validate().value == 2);
    CHECK((worse | bad).validate().value == 3);
    for (const int broken : {0, 1, 2, 3, 4, 5}) {
        CAPTURE(broken);
        const auto nth = [&](int n) { return numbered{n, n == broken}; };
        const auto found = [&](const auto& chain) { return chain.validate() ? chain.validate().value : -1; };
        const auto three = nth(0) | nth(1) | nth(2), others = nth(3) | nth(4) | nth(5);
        CHECK(found(nth(0) | nth(1)) == (broken < 2 ? broken : -1));
        CHECK(found(three) == (broken < 3 ? broken : -1));
        CHECK(found(three | nth(3)) == (broken < 4 ? broken : -1));
        CHECK(found(three | others) == broken);
    }
    auto broken = keel::timeout;
    broken.config.after = keel::nanos(-1);
    CHECK((broken | keel::retry<>).validate().policy == std::string_view("timeout"));
}

TEST_CASE("a chain needs what any of its policies does") {
    const numbered none{}, entry{.needs = {.entry_time = true}}, settle{.needs = {.settle_time = true}};
    const auto is = [](keel::needs n, bool at_entry, bool at_settle) {
        return n.entry_time == at_entry && n.settle_time == at_settle;
    };
    CHECK(is((none | none).needs(), false, false));
    CHECK(is((none | entry).needs(), true, false));
    CHECK(is((settle | none).needs(), false, true));
    CHECK(is((settle | none | entry).needs(), true, true));
    CHECK(is((keel::retry<> | keel::breaker<>).needs(), false, false));
    CHECK(is((keel::timeout | keel::retry<>).needs(), true, true));
    CHECK(is((keel::retry<> | keel::breaker<keel::sliding_time_window>).needs(), false, true));
}
