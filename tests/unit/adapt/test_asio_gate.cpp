// SPDX-License-Identifier: BSL-1.0
#include <keel/adapt/asio/gate.hpp>
#include <keel/adapt/asio/section_executor.hpp>

#include <doctest/doctest.h>

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

using keel::detail::gate;
using keel::detail::section_executor;
namespace asio = boost::asio;

namespace {
gate::ref opened(asio::io_context& in) {
    gate::ref g = gate::ref::taken(in.get_executor());
    const gate::section first(g);
    g->opened();
    return g;
}
} // namespace

TEST_CASE("a gate has memory for one wait at a time; what is more or larger has its own") {
    asio::io_context io;
    const gate::ref of = opened(io), another = opened(io);
    gate::allocator<std::byte> a(*of);
    gate::allocator<long> b(a);
    CHECK(a == b);
    CHECK(a != gate::allocator<std::byte>(*another));
    std::byte* const first = a.allocate(16);
    long* const second = b.allocate(2);
    CHECK(static_cast<void*>(first) != static_cast<void*>(second));
    b.deallocate(second, 2);
    a.deallocate(first, 16);
    std::byte* const large = a.allocate(1 << 20);
    CHECK(large != first);
    a.deallocate(large, 1 << 20);
    CHECK(a.allocate(16) == first);
    a.deallocate(first, 16);
}

TEST_CASE("any number of gates may be open at a time") {
    asio::io_context io;
    std::vector<gate::ref> all;
    for (int i = 0; i < 200; ++i)
        all.push_back(opened(io));
    for (std::size_t i = 1; i < all.size(); ++i)
        CHECK(all[i - 1] != all[i]);
    all.clear();
    CHECK(opened(io));
}

TEST_CASE("the executor of an attempt says what was required of it, and its copies do") {
    asio::io_context io;
    using work = asio::execution::outstanding_work_t;
    using blocking = asio::execution::blocking_t;
    const section_executor plain(opened(io));
    CHECK(&asio::query(plain, asio::execution::context) == &io);
    CHECK(asio::query(plain, work()) == work::untracked);
    CHECK(asio::query(plain, blocking()) == blocking::possibly);
    {
        section_executor other = asio::require(plain, work::tracked);
        CHECK(asio::query(other, work()) == work::tracked);
        CHECK(other == plain); // they run functions alike
        section_executor copy(plain);
        copy = other;
        CHECK(asio::query(copy, work()) == work::tracked);
        other = asio::require(copy, blocking::never);
        CHECK(asio::query(other, blocking()) == blocking::never);
        CHECK(asio::query(other, work()) == work::tracked);
        CHECK(other != plain);
        CHECK(asio::require(other, blocking::possibly) == plain);
        CHECK(asio::query(asio::require(other, work::untracked), work()) == work::untracked);
        CHECK(io.run_for(std::chrono::nanoseconds(0)) == 0);
        CHECK(!io.stopped()); // for the work that is kept
    }
    CHECK(io.poll() == 0);
    CHECK(io.stopped());
}
