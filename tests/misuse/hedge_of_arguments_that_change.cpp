// SPDX-License-Identifier: BSL-1.0
// expect: hedge calls the function several times at once, so it must be callable as const
#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#if defined(MISTAKE)
boost::asio::awaitable<int> next(int& n) { co_return ++n; }
#else
boost::asio::awaitable<int> next(const int& n) { co_return n + 1; }
#endif

boost::asio::awaitable<int> call() {
    keel::pipeline p{keel::hedge};
    co_return co_await keel::async(p, next, 41);
}
