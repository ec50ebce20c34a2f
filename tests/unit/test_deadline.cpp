// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"
#include "support/seed.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/cached_clock.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/deadline.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using keel::context;
using keel::errc;
using keel::nanos;
using keel::time_point;

namespace {

std::string written(const std::optional<keel::timeout_text>& text) {
    return text ? std::string(text->view()) : std::string("nothing");
}
constexpr bool says(const std::optional<keel::timeout_text>& text, std::string_view expected) {
    return text && text->view() == expected;
}
template <class T>
constexpr std::errc code_of(const std::expected<T, keel::timeout_error>& e) {
    return e ? std::errc{} : e.error().code;
}

constexpr nanos almost_forever{nanos::max().count - 1};

} // namespace

static_assert(std::is_trivially_copyable_v<keel::timeout_text> && sizeof(keel::timeout_text) <= 24);

TEST_CASE("grpc-timeout is written in the finest unit in which 8 digits are enough, rounded down") {
    struct row {
        nanos left;
        std::string_view text;
    };
    static constexpr row rows[] = {
        {1ns, "1n"},
        {99'999'999ns, "99999999n"},
        {100'000'000ns, "100000u"},
        {100'000'999ns, "100000u"},
        {100'001'000ns, "100001u"},
        {99'999'999'999ns, "99999999u"},
        {100'000'000'000ns, "100000m"},
        {100'000'999'999ns, "100000m"},
        {99'999'999'999'999ns, "99999999m"},
        {100'000'000'000'000ns, "100000S"},
        {99'999'999s + 999'999'999ns, "99999999S"},
        {100'000'000s, "1666666M"},
        {99'999'999min + 59s + 999'999'999ns, "99999999M"},
        {100'000'000min, "1666666H"},
        {almost_forever, "2562047H"},
    };
    static_assert(std::ranges::all_of(rows, [](row r) { return says(keel::to_grpc_timeout(r.left), r.text); }));
    for (const auto& [left, text] : rows)
        CHECK(written(keel::to_grpc_timeout(left)) == text);
}

TEST_CASE("a timeout in milliseconds is rounded down to them, and never to zero") {
    struct row {
        nanos left;
        std::string_view text;
    };
    static constexpr row rows[] = {
        {1ns, "1"},
        {999'999ns, "1"},
        {1ms, "1"},
        {1'999'999ns, "1"},
        {2ms, "2"},
        {1h, "3600000"},
        {keel::longest, "3153600000000"},
        {almost_forever, "9223372036854"},
    };
    static_assert(std::ranges::all_of(rows, [](row r) { return says(keel::to_timeout_ms(r.left), r.text); }));
    for (const auto& [left, text] : rows)
        CHECK(written(keel::to_timeout_ms(left)) == text);
}

TEST_CASE("what has no time left says the least there is, neither zero nor nothing") {
    for (const nanos left : {nanos(0), nanos(-1), nanos(-1h), nanos::min()}) {
        CHECK(written(keel::to_grpc_timeout(left)) == "1n");
        CHECK(written(keel::to_timeout_ms(left)) == "1");
    }
    const context past(time_point::min());
    CHECK(written(keel::to_grpc_timeout(past)) == "1n");
    CHECK(written(keel::to_timeout_ms(past)) == "1");
}

TEST_CASE("without a deadline there is nothing to send") {
    static_assert(!keel::to_grpc_timeout(nanos::max()) && !keel::to_timeout_ms(nanos::max()));
    CHECK(written(keel::to_grpc_timeout(context())) == "nothing");
    CHECK(written(keel::to_timeout_ms(context())) == "nothing");
}

TEST_CASE("a grpc-timeout is 1 to 8 digits and a unit") {
    struct row {
        std::string_view text;
        nanos left;
    };
    static constexpr row rows[] = {
        {"1n", 1ns},
        {"2u", 2us},
        {"3m", 3ms},
        {"4S", 4s},
        {"5M", 5min},
        {"6H", 6h},
        {"99999999n", 99'999'999ns},
        {"99999999u", 99'999'999us},
        {"99999999m", 99'999'999ms},
        {"99999999S", 99'999'999s},
        {"52560000M", keel::longest},
        {"876000H", keel::longest},
        {"00000007m", 7ms},
        {"00876000H", keel::longest},
        {"0n", 0ns}, // beyond the grammar, see the contract
        {"00000000H", 0ns},
    };
    static_assert(std::ranges::all_of(rows, [](row r) { return keel::parse_grpc_timeout(r.text) == r.left; }));
    for (const auto& [text, left] : rows) {
        INFO(text);
        CHECK(keel::parse_grpc_timeout(text) == left);
    }
}

TEST_CASE("what is no grpc-timeout is refused, and nothing in it made to fit") {
    // clang-format off
    static constexpr std::string_view malformed[] = {
        "", "n", "1", "12345678", "S1", "1s", "1h", "1U", "1N", "1ms",
        "1 n", " 1n", "1n ", "1n\n", "\t1n", "+1n", "-1n", "-0n", "1.5S", "1,5S",
        "0x1n", "1e3n", "123456789n", "1e99999n", "1n\0"sv, "\0n", "\0"sv, "000000001n", "nn", "1nn",
        "\xef\xbc\x91S", "1\xc2\xb5", "infinite", "1n,2n", "/n", ":n", "9999999999H", "%31n", "1\xee",
    };
    // clang-format on
    static_assert(std::ranges::all_of(malformed, [](std::string_view text) {
        return code_of(keel::parse_grpc_timeout(text)) == std::errc::invalid_argument;
    }));
    for (const std::string_view text : malformed) {
        INFO(text);
        CHECK(code_of(keel::parse_grpc_timeout(text)) == std::errc::invalid_argument);
        CHECK(code_of(keel::from_grpc_timeout(text)) == std::errc::invalid_argument);
    }
    static constexpr std::string_view too_long[] = {"876001H", "99999999H", "52560001M", "99999999M"};
    for (const std::string_view text : too_long) {
        INFO(text);
        CHECK(code_of(keel::parse_grpc_timeout(text)) == std::errc::result_out_of_range);
        CHECK(code_of(keel::from_grpc_timeout(text)) == std::errc::result_out_of_range);
    }
    CHECK(keel::parse_grpc_timeout("1").error().rule ==
          "grpc-timeout: must be 1 to 8 digits and a unit, which is H, M, S, m, u or n"sv);
    CHECK(keel::parse_grpc_timeout("99999999H").error().rule == "grpc-timeout: must be at most 100 years"sv);
}

TEST_CASE("a timeout in milliseconds is digits, above 0") {
    static_assert(keel::parse_timeout_ms("1") == nanos(1ms) && keel::parse_timeout_ms("15000") == nanos(15s));
    CHECK(keel::parse_timeout_ms("007") == nanos(7ms));
    CHECK(keel::parse_timeout_ms("3153600000000") == keel::longest);
    CHECK(keel::parse_timeout_ms("00000000000000000000000000003153600000000") == keel::longest);

    static constexpr std::string_view malformed[] = {"",     "0",  "0000",         "-1",  "+1",  " 1",
                                                     "1 ",   "1m", "1ms",          "1.0", "1e3", "0x1",
                                                     "\0"sv, "x",  "\xef\xbc\x91", "/",   ":",   "1,2"};
    for (const std::string_view text : malformed) {
        INFO(text);
        CHECK(code_of(keel::parse_timeout_ms(text)) == std::errc::invalid_argument);
        CHECK(code_of(keel::from_timeout_ms(text)) == std::errc::invalid_argument);
    }
    static constexpr std::string_view too_long[] = {
        "3153600000001",        "9999999999999",        "9223372036854775807",   "9223372036854775808",
        "18446744073709551616", "18446744073709551617", "1844674407370955161601"};
    for (const std::string_view text : too_long) {
        INFO(text);
        CHECK(code_of(keel::parse_timeout_ms(text)) == std::errc::result_out_of_range);
        CHECK(code_of(keel::from_timeout_ms(text)) == std::errc::result_out_of_range);
    }
    // However long a number is, what comes after it is still read.
    CHECK(code_of(keel::parse_timeout_ms("99999999999999999999999999x")) == std::errc::invalid_argument);
    CHECK(keel::parse_timeout_ms("0").error().rule ==
          "timeout in ms: must be a number of milliseconds above 0, digits only"sv);
    CHECK(keel::parse_timeout_ms("3153600000001").error().rule == "timeout in ms: must be at most 100 years"sv);
}

namespace {

const std::map<char, std::chrono::nanoseconds> units = {{'n', 1ns}, {'u', 1us},  {'m', 1ms},
                                                        {'S', 1s},  {'M', 1min}, {'H', 1h}};

// As the specification has it, in words of its own: what is shorter is in coarser units.
std::string naive_text(std::chrono::nanoseconds left) {
    for (const char unit : "numSMH"sv)
        if (const std::string digits = std::to_string(left / units.at(unit)); digits.size() <= 8) return digits + unit;
    return "too long";
}
bool is_naive_text(const std::string& text) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    return digits >= 1 && digits <= 8 && text.size() == digits + 1 && units.contains(text[digits]);
}

// Of all orders of magnitude equally many.
std::int64_t any_number(std::mt19937_64& random) {
    return static_cast<std::int64_t>((random() | std::uint64_t(1) << 63) >> (1 + random() % 63));
}
constexpr int rounds = support::is_slow_build ? 20'000 : 200'000;

// Ends at the first thing that is wrong, and says what it was for.
template <class Check>
void for_many(Check check) {
    const std::uint64_t first = support::first_seed();
    for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
        std::mt19937_64 random(seed);
        const std::string wrong = check(random);
        REQUIRE_MESSAGE(wrong.empty(), "KEEL_SEED=", seed, ": ", wrong);
    }
}

} // namespace

TEST_CASE("what is read back is no more than what was written, and by less than one of its units less") {
    for_many([](std::mt19937_64& random) -> std::string {
        const std::chrono::nanoseconds left = std::min(nanos(any_number(random)), keel::longest);
        const std::string grpc = written(keel::to_grpc_timeout(left)), ms = written(keel::to_timeout_ms(left));
        if (grpc != naive_text(left)) return grpc + " and not " + naive_text(left);
        const auto read = keel::parse_grpc_timeout(grpc), read_ms = keel::parse_timeout_ms(ms);
        if (!read || !read_ms) return "does not read " + grpc + " or " + ms;
        const std::chrono::nanoseconds lost = left - std::chrono::nanoseconds(*read),
                                       lost_ms = left - std::chrono::nanoseconds(*read_ms);
        if (lost < 0ns || lost >= units.at(grpc.back()) || lost > left / 100'000)
            return grpc + " for " + std::to_string(left.count());
        if (left < 1ms ? *read_ms != nanos(1ms) : lost_ms < 0ns || lost_ms >= 1ms)
            return ms + " for " + std::to_string(left.count());
        return {};
    });
}

TEST_CASE("of texts at random exactly those are taken that the grammar has, for what they say") {
    int taken = 0;
    for_many([&](std::mt19937_64& random) -> std::string {
        constexpr std::string_view any = "0123456789HMSmun0123456789 +-.\0xN"sv;
        std::string text = std::to_string(any_number(random) % 1'000'000'000) + any[10 + random() % 6];
        for (auto changes = random() % 3; changes != 0; --changes) {
            const auto at = static_cast<std::ptrdiff_t>(random() % (text.size() + 1));
            if (random() % 2 == 0)
                text.insert(text.begin() + at, any[random() % any.size()]);
            else if (at < std::ssize(text))
                text.erase(text.begin() + at);
        }
        const auto read = keel::parse_grpc_timeout(text);
        if (!is_naive_text(text)) return code_of(read) == std::errc::invalid_argument ? "" : "takes " + text;
        ++taken;
        const long double of_unit = std::stold(text.substr(0, text.size() - 1));
        const long double left = of_unit * static_cast<long double>(units.at(text.back()).count());
        if (left > static_cast<long double>(keel::longest.count))
            return code_of(read) == std::errc::result_out_of_range ? "" : "takes " + text;
        return read && static_cast<long double>(read->count) == left ? "" : "does not take " + text;
    });
    CHECK(taken > rounds / 4);
    CHECK(taken < rounds - rounds / 4);
}

TEST_CASE("a context that is received has its deadline so long after now, by the clock that it is told") {
    keel::manual_clock clock;
    clock.advance(7s);
    const auto grpc = keel::from_grpc_timeout("20m", clock), ms = keel::from_timeout_ms("20", clock);
    clock.advance(5ms);
    for (const auto& c : {grpc, ms}) {
        REQUIRE(c);
        CHECK(c->deadline() == time_point(7s + 20ms));
        CHECK(c->remaining() == 15ms);
        CHECK(c->attempt() == 1);
        CHECK(!c->stop_requested());
        CHECK(written(keel::to_grpc_timeout(*c)) == "15000000n");
        CHECK(written(keel::to_timeout_ms(*c)) == "15");
    }
    CHECK(keel::from_grpc_timeout("0n", clock)->deadline() == clock.now());

    static constexpr keel::cached_clock cached;
    keel::cached_clock::update();
    CHECK(keel::from_grpc_timeout("1H", cached)->deadline() == keel::cached_clock::now() + nanos(1h));
}

TEST_CASE("a context that is received is by the steady clock unless told otherwise") {
    const time_point before = keel::steady_clock::now();
    const auto grpc = keel::from_grpc_timeout("1H"), ms = keel::from_timeout_ms("3600000");
    for (const auto& c : {grpc, ms}) {
        REQUIRE(c);
        CHECK(c->deadline() >= before + nanos(1h));
        CHECK(c->deadline() <= keel::steady_clock::now() + nanos(1h));
        CHECK(c->remaining() <= 1h);
        CHECK(c->remaining() > 59min);
    }
}

template <class Clock>
concept takes_temporary =
    requires { keel::from_grpc_timeout("1S", Clock()); } || requires { keel::from_timeout_ms("1", Clock()); };
template <class Clock>
concept takes_lasting = requires(const Clock& c) {
    keel::from_grpc_timeout("1S", c);
    keel::from_timeout_ms("1", c);
};
static_assert(!takes_temporary<keel::manual_clock> && !takes_temporary<keel::cached_clock>);
static_assert(takes_lasting<keel::manual_clock> && takes_lasting<keel::cached_clock>);

TEST_CASE("of the deadline that is received and the pipeline's own timeout the nearer one holds, and is handed on") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms), clock};
    const auto handed_on = [&](std::string_view header) {
        const auto received = keel::from_grpc_timeout(header, clock);
        return p(*received, [&](const context& c) {
            clock.advance(5ms); // of work before the next call
            return written(keel::to_timeout_ms(c)) + " of " + written(keel::to_grpc_timeout(c));
        });
    };
    CHECK(handed_on("20m") == "15 of 15000000n");
    CHECK(handed_on("50m") == "45 of 45000000n");
    CHECK(handed_on("60m") == "45 of 45000000n");
    CHECK(handed_on("1H") == "45 of 45000000n");
}

TEST_CASE("through any number of hops there is never more time than before") {
    keel::manual_clock clock;
    keel::pipeline client{keel::timeout(100ms), clock}, front{keel::timeout(1s), clock},
        back{keel::timeout(40ms), clock};
    std::vector<std::chrono::nanoseconds> seen;
    client([&](const context& asked) {
        seen.push_back(asked.remaining());
        const auto by_grpc = keel::to_grpc_timeout(asked);
        clock.advance(30ms + 1ns); // on the way
        const auto at_front = keel::from_grpc_timeout(by_grpc->view(), clock);
        front(*at_front, [&](const context& c) {
            clock.advance(1us);
            seen.push_back(c.remaining());
            const auto by_ms = keel::to_timeout_ms(c);
            const auto at_back = keel::from_timeout_ms(by_ms->view(), clock);
            back(*at_back, [&](const context& d) { seen.push_back(d.remaining()); });
        });
    });
    CHECK(seen == std::vector<std::chrono::nanoseconds>{100ms, 100ms - 1us, 40ms});
}

TEST_CASE("a call that arrives without time left is refused by a timeout, and its function not invoked") {
    keel::manual_clock clock;
    clock.advance(1s);
    keel::pipeline alone{keel::timeout(1s), clock};
    keel::pipeline retrying{keel::retry<keel::constant> | keel::timeout(1s), clock};
    int invoked = 0;
    const auto f = [&] { return ++invoked; };
    auto received = keel::from_grpc_timeout("0n", clock);
    CHECK(alone.attempt(*received, f).error() == errc::timed_out);
    CHECK(retrying.attempt(*received, f).error() == errc::timed_out);
    CHECK_THROWS_AS(alone(*received, f), keel::rejected);
    CHECK(alone.begin(*received).error() == errc::timed_out);

    received = keel::from_grpc_timeout("1n", clock);
    CHECK(alone.attempt(*received, f) == 1);
    clock.advance(1ns);
    CHECK(alone.attempt(*received, f).error() == errc::timed_out);
    CHECK(invoked == 1);
}

TEST_CASE("without a timeout in the chain the function is invoked once all the same, and sees that nothing is left") {
    keel::manual_clock clock;
    const auto received = keel::from_grpc_timeout("0n", clock);
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3}), clock};
    int invoked = 0;
    CHECK(p(*received, [&](const context& c) {
              ++invoked;
              CHECK(c.remaining() == 0ns);
              return support::bad();
          }).error() == std::errc::io_error);
    CHECK(invoked == 1);
}

TEST_CASE("retries do not wait beyond a deadline that is received") {
    keel::manual_clock clock;
    const auto every_10ms = keel::retry<keel::constant>({.attempts = 5, .backoff = {.every = 10ms}});
    keel::pipeline p{keel::timeout(1s) | every_10ms, clock};
    const auto received = keel::from_timeout_ms("25", clock);
    std::vector<std::chrono::nanoseconds> left;
    const auto failing = [&](const context& c) {
        left.push_back(c.remaining());
        return support::bad();
    };
    CHECK(p(*received, failing).error() == std::errc::io_error);
    CHECK(left == std::vector<std::chrono::nanoseconds>{25ms, 15ms, 5ms});
    CHECK(clock.now() == time_point(20ms));
}

TEST_CASE("nor does a call wait for a permit beyond it") {
    keel::manual_clock clock;
    keel::pipeline one_a_second{keel::rate_limit({.rate = 1, .per = 1s, .burst = 1, .max_wait = 1h}), clock};
    keel::pipeline one_at_once{keel::bulkhead({.permits = 1, .max_wait = 1h}), clock};
    const auto received = keel::from_timeout_ms("25", clock);
    const auto f = [] { return 1; };
    CHECK(one_a_second.attempt(*received, f) == 1);
    CHECK(one_a_second.attempt(*received, f).error() == errc::rate_limited);
    CHECK(clock.now() == time_point());
    const auto holding = one_at_once.begin();
    CHECK(one_at_once.attempt(*received, f).error() == errc::bulkhead_full);
    CHECK(clock.now() == time_point(25ms));
}

TEST_CASE("each attempt says what is left for it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}) | keel::timeout(15ms),
                     clock};
    const auto received = keel::from_grpc_timeout("30m", clock);
    std::vector<std::string> sent;
    static_cast<void>(p(*received, [&](const context& c) {
        sent.push_back(written(keel::to_timeout_ms(c)));
        return support::bad();
    }));
    CHECK(sent == std::vector<std::string>{"15", "15", "10"});
}

TEST_CASE("a ticket begins with a deadline that is received, and can say what is left of its own") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms), clock};
    const auto near = keel::from_grpc_timeout("20m", clock), far = keel::from_grpc_timeout("1H", clock);
    auto nearer = p.begin(*near), own = p.begin(*far), alone = p.begin();
    CHECK(nearer.deadline() == time_point(20ms));
    CHECK(own.deadline() == time_point(50ms));
    clock.advance(5ms);
    CHECK(written(keel::to_timeout_ms(context(nearer.deadline(), p.clock()))) == "15");
    CHECK(written(keel::to_timeout_ms(context(alone.deadline(), p.clock()))) == "45");
    clock.advance(15ms + 1ns);
    CHECK(!nearer.success());
    CHECK(nearer.error() == errc::timed_out);
    CHECK(!own.success());
    CHECK(own.error() == errc{});

    keel::pipeline unbounded{keel::retry<keel::constant>, clock};
    CHECK(written(keel::to_timeout_ms(context(unbounded.begin().deadline(), unbounded.clock()))) == "nothing");
}
