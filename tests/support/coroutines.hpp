#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/adapt/asio.hpp>
#include <keel/clock/manual_clock.hpp>

#include <doctest/doctest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <functional>
#include <list>
#include <utility>

namespace support {
namespace asio = boost::asio;

/// A coroutine of a test.
class started {
  public:
    // Of one type, for each type would be compiled with all that starts it.
    using body = std::move_only_function<asio::awaitable<void>()>;

    /// One that can be cancelled.
    started(asio::io_context& in, body b);
    /// One that can't: the signal would keep the executor, which may not outlive its context.
    started(const asio::any_io_executor& on, body b);
    started(const started&) = delete;
    started& operator=(const started&) = delete;

    void cancel(asio::cancellation_type type = asio::cancellation_type::terminal) { signal_.emit(type); }
    bool has_ended() const noexcept { return has_ended_; }
    /// What its body threw, or null.
    const std::exception_ptr& thrown() const noexcept { return thrown_; }
    /// Whether it threw `operation_aborted`.
    bool was_aborted() const noexcept {
        if (!thrown_) return false;
        try {
            std::rethrow_exception(thrown_);
        } catch (const boost::system::system_error& e) {
            return e.code() == asio::error::operation_aborted;
        } catch (...) {
            return false;
        }
    }

  private:
    struct ending {
        started& of;
        void operator()(std::exception_ptr thrown) const {
            of.has_ended_ = true;
            of.thrown_ = std::move(thrown);
        }
    };

    asio::cancellation_signal signal_;
    bool has_ended_ = false;
    std::exception_ptr thrown_;
};

/// A coroutine on `on`, of that context, to its end.
inline void run_to_end(asio::io_context& context, const asio::any_io_executor& on, started::body b) {
    const started it(on, std::move(b));
    context.run();
    CHECK(it.has_ended());
    CHECK(!it.thrown());
}

/// Coroutines in virtual time.
class virtual_world {
  public:
    keel::manual_clock clock;

  private:
    std::list<started> all_; // whose frames end with the context

  public:
    asio::io_context context;

    started& start(started::body b) { return all_.emplace_back(context, std::move(b)); }
    /// On a strand.
    started& start_on(const asio::any_io_executor& on, started::body b) { return all_.emplace_back(on, std::move(b)); }
    void run() { keel::run(context, clock); }
    /// Runs a coroutine to its end, and throws what it throws.
    void in(started::body b) {
        const started& it = start(std::move(b));
        run();
        REQUIRE(it.has_ended());
        if (it.thrown()) std::rethrow_exception(it.thrown());
    }
    auto sleep(keel::nanos d) { return keel::async_sleep(clock, d); }
    keel::nanos elapsed() const { return keel::nanos(clock.now() - keel::time_point()); }
};

inline const boost::system::error_code aborted = asio::error::operation_aborted;

} // namespace support
