#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../clock/clock.hpp"
#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../error.hpp"
#include "walk.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace keel {

/// What comes of an attempt that has ended: nothing more, or, if true, another attempt after `delay`.
struct again {
    bool wanted = false;
    nanos delay{}; ///< from now on

    constexpr explicit operator bool() const noexcept { return wanted; }
};

/// A call that is driven by hand: `p.begin()` of a pipeline, which must outlive it. Allocates nothing.
///
///     auto t = p.begin();
///     if (!t) return t.error();           // refused
///     ... later, on any thread:
///     t.success();                        // or:
///     if (const auto next = t.failure())
///         timer.after(next.delay, ...);   // and then: if (t.resume()) ... the next attempt
///
/// It is running while an attempt may be made, which one of `success`, `failure` and `ignore` ends; or waiting, which
/// `resume` ends; or it has ended. If it is dropped before, the call is as if it had been ignored, and all that its
/// policies took goes back. Belongs to one thread at a time.
///
/// To policies a failure is the error code of an `std::expected<void, std::error_code>`: selectors of errors see it.
template <class Lanes>
class [[nodiscard]] ticket {
    static_assert(Lanes::parts::outermost_fork == Lanes::size,
                  "keel: hedge runs attempts at the same time, which one ticket can't: begin a ticket for each, or use "
                  "`co_await keel::async(p, f)` of keel/adapt/asio.hpp");
    using result = std::expected<void, std::error_code>;
    using walk = detail::walk<Lanes, result>;
    enum class phase : std::uint8_t { express, running, waiting, ended };

  public:
    KEEL_ALWAYS_INLINE ticket(Lanes& pipeline, call c)
      : pipeline_(&pipeline) {
        std::size_t admitted = 0;
        typename Lanes::express_frames frames{};
        bool knows_now = false;
        if (pipeline.try_admit(c, frames, admitted, knows_now)) [[likely]] {
            stopped_ = {c.leave(), frames};
            return;
        }
        begin_cold({c.leave(), frames}, {admitted, 0, false, knows_now});
    }
    ticket(ticket&& from) noexcept
      : pipeline_(from.pipeline_)
      , stopped_(from.stopped_)
      , phase_(std::exchange(from.phase_, phase::ended))
      , reason_(from.reason_)
      , delay_(from.delay_) {
        if (!walks()) return;
        std::construct_at(&walk_, std::move(from.walk_));
        std::destroy_at(&from.walk_);
    }
    ticket& operator=(ticket&& from) noexcept {
        if (this != &from) {
            std::destroy_at(this);
            std::construct_at(this, std::move(from));
        }
        return *this;
    }
    KEEL_ALWAYS_INLINE ~ticket() {
        if (phase_ != phase::ended) [[unlikely]]
            drop();
    }

    /// Whether an attempt may be made now.
    KEEL_ALWAYS_INLINE explicit operator bool() const noexcept { return phase_ <= phase::running; }
    bool waiting() const noexcept { return phase_ == phase::waiting; }
    /// While it is waiting: how long, from when it began to.
    nanos delay() const noexcept { return delay_; }

    /// Once it has ended: the rejection that the call ended with, or `errc{}`.
    errc error() const noexcept { return reason_; }
    /// After a rejection: how long until asking again makes sense; 0 if that is unknown.
    nanos retry_after() const noexcept { return delay_; }

    /// While it is running: when the attempt must have ended; `no_deadline` if nothing bounds it.
    time_point deadline() const noexcept { return walks() ? walk_.of().deadline : stopped_.call.deadline; }

    /// The attempt has succeeded. A policy can see that otherwise, such as a timeout, and want another one.
    KEEL_ALWAYS_INLINE again success() {
        assert(*this && "keel: no attempt of this ticket is under way");
        if (phase_ == phase::express) [[likely]] {
            std::size_t settled = 0;
            bool knows_now = false;
            typename Lanes::stopped left = stopped_;
            if (pipeline_->try_settle(left, result(), settled, knows_now)) [[likely]] {
                phase_ = phase::ended;
                return {};
            }
            return end_cold(left, settled, knows_now, result());
        }
        return end(result());
    }
    again failure(std::error_code why = std::make_error_code(std::errc::io_error)) {
        assert(*this && why && "keel: no attempt of this ticket is under way");
        const result failed = std::unexpected(why);
        return phase_ == phase::express ? end_cold(stopped_, 0, false, failed) : end(failed);
    }
    /// The attempt says nothing about the callee.
    again ignore() { return failure(std::make_error_code(std::errc::operation_canceled)); }

    /// `delay()` has passed. Whether an attempt may be made now.
    bool resume() {
        assert(waiting() && "keel: this ticket waits for nothing");
        walk_.of().turn();
        go(walk_.waited());
        return bool(*this);
    }

  private:
    bool walks() const noexcept { return phase_ == phase::running || phase_ == phase::waiting; }

    KEEL_COLD void begin_cold(const typename Lanes::stopped& left, detail::junction at) {
        std::construct_at(&walk_, *pipeline_, left, at);
        phase_ = phase::waiting;
        go(walk_.go_in());
    }
    KEEL_COLD again end_cold(typename Lanes::stopped left, std::size_t settled, bool knows_now, const result& r) {
        std::construct_at(&walk_, *pipeline_, left, detail::junction(Lanes::size, settled, true, knows_now));
        phase_ = phase::running;
        if (walk_.in_attempt()) walk_.share_retries();
        walk_.outcome().begin([&] { return r; });
        return go(walk_.ended());
    }
    KEEL_COLD again end(const result& r) {
        walk_.of().turn();
        walk_.outcome().emplace([&] { return r; });
        return go(walk_.ended());
    }
    again go(detail::step next) noexcept {
        if (next == detail::step::invoke) {
            ++walk_.of().attempt;
            phase_ = phase::running;
            return {};
        }
        if (next == detail::step::wait) {
            phase_ = phase::waiting;
            delay_ = nanos(walk_.due() - walk_.of().now());
            return {true, delay_};
        }
        phase_ = phase::ended;
        reason_ = walk_.outcome().rejection();
        delay_ = walk_.outcome().retry_after();
        std::destroy_at(&walk_);
        return {};
    }
    KEEL_COLD void drop() noexcept {
        if (walks())
            std::destroy_at(&walk_);
        else
            walk(*pipeline_, stopped_, {Lanes::size, 0, true, false}); // whose end it is at once
        phase_ = phase::ended;
    }

    Lanes* pipeline_;
    typename Lanes::stopped stopped_;
    phase phase_ = phase::express;
    errc reason_{};
    nanos delay_{};
    union {
        mutable walk walk_;
    };
};

} // namespace keel
