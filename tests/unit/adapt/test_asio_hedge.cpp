// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/diary.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/clock/steady_clock.hpp>
#include <keel/context.hpp>
#include <keel/duration.hpp>
#include <keel/error.hpp>
#include <keel/hedge.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using keel::hedge;
using keel::named;
using keel::nanos;
using support::diary;
using support::virtual_world;

namespace {

/// A result that can be neither copied nor made by default.
struct ticket {
    explicit ticket(int of)
      : number(std::make_unique<int>(of)) {}
    std::unique_ptr<int> number;
};

/// Counts its copies.
struct counted {
    int& copies;
    explicit counted(int& of)
      : copies(of) {}
    counted(const counted& other)
      : copies(other.copies) {
        ++copies;
    }
    counted(counted&&) = default;
};

} // namespace

TEST_CASE("a hedge starts an attempt after each delay, so many extra ones at most, and all on time") {
    for (const nanos delay : {nanos(0), nanos(1), nanos(50ms), nanos(2h)}) {
        for (const int extra : {1, 2, 3, 16}) {
            virtual_world world;
            keel::pipeline p{named<"h">(hedge({.delay = delay, .extra = extra})), world.clock};
            std::vector<nanos> begun;
            world.in([&]() -> awaitable<void> {
                co_await async(p, [&]() -> awaitable<void> {
                    begun.push_back(world.elapsed());
                    co_await world.sleep(100h);
                });
            });
            REQUIRE(begun.size() == static_cast<std::size_t>(extra) + 1);
            for (int i = 0; i <= extra; ++i)
                CHECK(begun[static_cast<std::size_t>(i)].count == i * delay.count);
            CHECK(world.elapsed() == 100h);
            CHECK(p.get<"h">().started() == static_cast<std::uint64_t>(extra));
            CHECK(p.get<"h">().won() == 0);
        }
    }
}

TEST_CASE("the first success wins, and the others are cancelled at once") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 2})), world.clock};
    CHECK(d.call(p, {40}) == 1);
    CHECK(d.text() == "0 +1, 40 =1");
    CHECK(world.elapsed() == 40ms); // no alarm is left
    CHECK(d.call(p, {70, 70}) == 1);
    CHECK(d.text() == "0 +1, 50 +2, 70 =1, 70 x2");
    CHECK(p.get<"h">().won() == 0);
    CHECK(d.call(p, {1000, 60, 60}) == 2);
    CHECK(d.text() == "0 +1, 50 +2, 100 +3, 110 =2, 110 x1, 110 x3");
    CHECK(d.call(p, {1000, 1000, 10}) == 3);
    CHECK(d.text() == "0 +1, 50 +2, 100 +3, 110 =3, 110 x1, 110 x2");
    CHECK(p.get<"h">().started() == 5);
    CHECK(p.get<"h">().won() == 2);
}

TEST_CASE("an attempt that ends right when the delay does has not taken longer") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{hedge({.delay = 50ms}), world.clock};
    CHECK(d.call(p, {50}) == 1);
    CHECK(d.text() == "0 +1, 50 =1");
}

TEST_CASE("a hedge without a delay starts all attempts at once, unless the first never waits") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{hedge({.delay = 0ms, .extra = 3}), world.clock};
    CHECK(d.call(p, {30, 20, 10, 20}) == 3);
    CHECK(d.text() == "0 +1, 0 +2, 0 +3, 0 +4, 10 =3, 10 x1, 10 x2, 10 x4");
    int attempts = 0;
    world.in([&]() -> awaitable<void> {
        const int one = co_await async(p, [&]() -> awaitable<int> { co_return ++attempts; });
        CHECK(one == 1);
    });
    CHECK(attempts == 1);
}

TEST_CASE("an attempt that fails is followed by another one at once, and the delay begins anew") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 3})), world.clock};
    CHECK(d.call(p, {-10, 100, 60}) == 2);
    CHECK(d.text() == "0 +1, 10 =1, 10 +2, 60 +3, 110 =2, 110 x3");
    CHECK(p.get<"h">().won() == 1);
    CHECK(d.call(p, {1000, -10, 20}) == 3);
    CHECK(d.text() == "0 +1, 50 +2, 60 =2, 60 +3, 80 =3, 80 x1");
    CHECK(d.call(p, {1000, -10, 1000, 20}) == 4);
    CHECK(d.text() == "0 +1, 50 +2, 60 =2, 60 +3, 110 +4, 130 =4, 130 x1, 130 x3");
    CHECK(d.call(p, {-60, 1000, 1000, 1}) == 4);
    CHECK(d.text() == "0 +1, 50 +2, 60 =1, 60 +3, 110 +4, 111 =4, 111 x3, 111 x2");
}

TEST_CASE("if all attempts fail, the failure of the first one counts, or of what was started because it failed") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{hedge({.delay = 50ms, .extra = 2}), world.clock};
    CHECK(d.call(p, {-10, -10, -10}) == -3);
    CHECK(d.text() == "0 +1, 10 =1, 10 +2, 20 =2, 20 +3, 30 =3");
    CHECK(d.call(p, {-200, -10, -20}) == -1);
    CHECK(d.text() == "0 +1, 50 +2, 60 =2, 60 +3, 80 =3, 200 =1");
    CHECK(d.call(p, {-120, -100, -300}) == -1);
    CHECK(d.text() == "0 +1, 50 +2, 100 +3, 120 =1, 150 =2, 400 =3");
    CHECK(d.call(p, {-60, -200, -30}) == -3);
    CHECK(d.text() == "0 +1, 50 +2, 60 =1, 60 +3, 90 =3, 250 =2");
    CHECK(d.call(p, {-120, 100, -300}) == 2);
    CHECK(d.text() == "0 +1, 50 +2, 100 +3, 120 =1, 150 =2, 150 x3");
}

TEST_CASE("of functions that never wait, one after the other runs, and no alarm is left") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 16})), world.clock};
    world.in([&]() -> awaitable<void> {
        for (const int good : {1, 2, 17}) {
            int attempts = 0;
            CHECK(co_await async(p, [&]() -> awaitable<int> {
                      if (++attempts < good) throw std::runtime_error("no");
                      co_return attempts;
                  }) == good);
        }
        int attempts = 0;
        const auto fails = [&]() -> awaitable<support::result> {
            ++attempts;
            co_return support::bad();
        };
        CHECK(co_await async(p, fails) == support::bad());
        CHECK(attempts == 17);
    });
    CHECK(world.elapsed() == 0ms);
    CHECK(p.get<"h">().started() == 0 + 1 + 16 + 16);
    CHECK(p.get<"h">().won() == 2);
}

TEST_CASE("an expected wins only if it holds a value, and comes out as it is") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms, .extra = 2}), world.clock};
    world.in([&]() -> awaitable<void> {
        const auto second = [&](const context& c) -> awaitable<support::result> {
            if (c.attempt() == 2) {
                co_await world.sleep(10ms);
                co_return 2;
            }
            co_await world.sleep(55ms);
            co_return support::bad();
        };
        CHECK(co_await async(p, second) == 2);
        CHECK(world.elapsed() == 60ms);
        int attempts = 0;
        using of_text = std::expected<int, std::string>;
        const auto bad = [&]() -> awaitable<of_text> { co_return std::unexpected(std::to_string(++attempts)); };
        const auto got = co_await async(p, bad);
        REQUIRE(!got.has_value());
        CHECK(*got.error().error() == "3");
        attempts = 0;
        const auto code = [&]() -> awaitable<std::error_code> {
            co_return ++attempts == 3 ? std::error_code() : std::make_error_code(std::errc::io_error);
        };
        CHECK(!(co_await async(p, code)));
        CHECK(attempts == 3);
    });
}

TEST_CASE("results may be move-only, or nothing") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms}), world.clock};
    world.in([&]() -> awaitable<void> {
        for (const std::uint32_t quick : {1U, 2U}) {
            const ticket t = co_await async(p, [&](const context& c) -> awaitable<ticket> {
                const std::uint32_t n = c.attempt();
                co_await world.sleep(n == quick ? 10ms : 1h);
                co_return ticket(static_cast<int>(n));
            });
            CHECK(*t.number == static_cast<int>(quick));
            co_await async(p, [&](const context& c) -> awaitable<void> {
                co_await world.sleep(c.attempt() == quick ? 10ms : 1h);
            });
        }
    });
}

TEST_CASE("all attempts share one function and its arguments, which may be move-only") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms, .extra = 2}), world.clock};
    int copies = 0, sum = 0;
    world.in([&]() -> awaitable<void> {
        auto f = [own = counted(copies), lasts = std::make_unique<nanos>(1h)](
                     virtual_world& in, int& into, const std::unique_ptr<int>& n, const counted&) -> awaitable<void> {
            into += *n;
            co_await in.sleep(*lasts);
        };
        const int before = copies;
        co_await async(p, std::move(f), std::ref(world), std::ref(sum), std::make_unique<int>(7), counted(copies));
        CHECK(copies == before);
    });
    CHECK(sum == 3 * 7);
}

TEST_CASE("the function lives until its last attempt has ended, and no longer") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms}), world.clock};
    auto alive = std::make_shared<int>(0);
    const std::weak_ptr<int> seen = alive;
    world.in([&]() -> awaitable<void> {
        // A variable: GCC 12 destroys temporaries twice that are arguments within a `co_await`.
        auto f = [&, own = std::move(alive)](const context& c) -> awaitable<void> {
            const std::uint32_t n = c.attempt();
            try {
                co_await world.sleep(n == 1 ? 1h : 10ms);
            } catch (const boost::system::system_error&) {
                CHECK(own.use_count() == 1);
                throw;
            }
        };
        co_await async(p, std::move(f));
        CHECK(seen.expired());
    });
}

TEST_CASE("attempts are numbered in the order in which they begin") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms, .extra = 3}), world.clock};
    std::vector<std::uint32_t> numbers;
    world.in([&]() -> awaitable<void> {
        co_await async(p, [&](const context& c) -> awaitable<void> {
            numbers.push_back(c.attempt());
            if (c.attempt() == 2) throw std::runtime_error("no");
            co_await world.sleep(c.attempt() == 4 ? 1ms : 1h);
        });
    });
    CHECK(numbers == std::vector<std::uint32_t>{1, 2, 3, 4});
}

TEST_CASE("a hedge works in a strand, by a static pipeline and by a real clock") {
    boost::asio::io_context context;
    static constexpr auto chain = keel::timeout(1h) | named<"h">(hedge({.delay = 0ms, .extra = 1}));
    keel::static_pipeline<chain> p;
    std::optional<int> got;
    boost::asio::co_spawn(
        boost::asio::make_strand(context),
        [&]() -> awaitable<void> {
            got = co_await async(p, [&](const keel::context& c) -> awaitable<int> {
                const std::uint32_t n = c.attempt();
                if (n == 1) co_await keel::async_sleep(keel::steady_clock{}, 1h);
                co_await boost::asio::post(boost::asio::deferred);
                co_return static_cast<int>(n);
            });
        },
        boost::asio::detached);
    context.run();
    CHECK(got == 2);
    CHECK(p.get<"h">().won() == 1);
}
