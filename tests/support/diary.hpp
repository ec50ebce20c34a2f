#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "coroutines.hpp"
#include "counted.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/context.hpp>
#include <keel/duration.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace support {

/// What the attempts of a test do, in virtual time: "0 +1, 50 +2, 60 =2, 60 x1" says that attempt 1 began at 0 ms and
/// attempt 2 at 50 ms, which ended by itself at 60 ms, when attempt 1 was cancelled.
class diary {
  public:
    explicit diary(virtual_world& of)
      : world_(of) {}
    diary(const diary&) = delete;
    diary& operator=(const diary&) = delete;

    /// An attempt that lasts for `d`. Gives its number.
    asio::awaitable<int> attempt(const keel::context& c, keel::nanos d) {
        const std::uint32_t n = c.attempt();
        const counted now(running_);
        note('+', n);
        try {
            co_await world_.sleep(d);
        } catch (const boost::system::system_error&) {
            note('x', n);
            throw;
        }
        note('=', n);
        co_return static_cast<int>(n);
    }
    /// The n-th of several that last for `lasts[n - 1]` ms. Those below 0 fail then, by throwing a `failed`.
    asio::awaitable<int> attempt_of(const keel::context& c, std::vector<int> lasts) {
        const int ms = lasts.at(c.attempt() - 1);
        const int n = co_await attempt(c, std::chrono::milliseconds(std::abs(ms)));
        if (ms < 0) throw failed(n);
        co_return n;
    }
    struct failed : std::runtime_error {
        explicit failed(int n)
          : std::runtime_error("attempt " + std::to_string(n))
          , number(n) {}
        int number;
    };

    /// Which attempt a call by `p` succeeds with; below 0, which one it fails with.
    template <class P>
    int call(P& p, const std::vector<int>& lasts) {
        int got = 0;
        world_.in([&]() -> asio::awaitable<void> {
            try {
                got = co_await keel::async(
                    p, [&](const keel::context& c) -> asio::awaitable<int> { return attempt_of(c, lasts); });
            } catch (const failed& e) {
                got = -e.number;
            }
        });
        CHECK(running_ == 0);
        return got;
    }
    /// How many of them there are at the moment.
    int running() const noexcept { return running_; }
    /// From when the last text was asked for on, since when times count.
    std::string text() {
        since_ = world_.elapsed();
        return std::exchange(text_, {});
    }
    void note(char what, std::uint32_t n) {
        const auto at = std::chrono::nanoseconds(world_.elapsed()) - std::chrono::nanoseconds(since_);
        if (!text_.empty()) text_ += ", ";
        text_ += std::to_string(at / std::chrono::milliseconds(1)) + " " + what + std::to_string(n);
    }

  private:
    virtual_world& world_;
    keel::nanos since_;
    std::string text_;
    int running_ = 0;
};

} // namespace support
