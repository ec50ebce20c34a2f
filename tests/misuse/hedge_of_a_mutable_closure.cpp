// SPDX-License-Identifier: BSL-1.0
// expect: hedge calls the function several times at once, so it must be callable as const
#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

boost::asio::awaitable<int> call() {
    keel::pipeline p{keel::hedge};
#if defined(MISTAKE)
    auto f = [n = 0]() mutable -> boost::asio::awaitable<int> { co_return ++n; };
#else
    auto f = [n = 0]() -> boost::asio::awaitable<int> { co_return n + 1; };
#endif
    co_return co_await keel::async(p, f);
}
