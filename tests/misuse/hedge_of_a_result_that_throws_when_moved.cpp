// SPDX-License-Identifier: BSL-1.0
// expect: hedge hands the result from attempt to attempt, so moving it must not throw
#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

struct answer {
    answer() = default;
#if defined(MISTAKE)
    answer(const answer&) {}
#endif
};

boost::asio::awaitable<void> call() {
    keel::pipeline p{keel::hedge};
    const auto f = []() -> boost::asio::awaitable<answer> { co_return answer(); };
    co_await keel::async(p, f);
}
