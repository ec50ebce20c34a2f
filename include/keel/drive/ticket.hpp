#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../clock/clock.hpp"
#include "../context.hpp"
#include "../detail/macros.hpp"
#include "../detail/room.hpp"
#include "../duration.hpp"
#include "../error.hpp"
#include "../result.hpp"
#include "paused_walk.hpp"
#include "walk.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

namespace keel {

/// What comes of an attempt that has ended: nothing more, or, if true, another attempt after `delay`.
struct again {
    bool wanted = false;
    nanos delay{}; ///< from now on

    constexpr explicit operator bool() const noexcept { return wanted; }
};

// At -O1 GCC 12 does not see that what `express_` holds is only used where the phase says that there is something.
#pragma GCC diagnostic push
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/// A call that is driven by hand: `p.begin()` of a pipeline, which must outlive it. Allocates nothing, unless a
/// function of a policy's throws.
///
///     auto t = p.begin();
///     if (!t) return t.error();           // refused, where no policy lets calls wait for permits
///     ... later, on any thread:
///     t.success();                        // or:
///     if (const auto next = t.failure())
///         timer.after(next.delay, ...);   // and then: if (t.resume()) ... the next attempt
///
/// It is running while an attempt may be made, which one of `success`, `failure` and `ignore` ends; or waiting, which
/// `resume` ends; or it has ended, or was moved from. If it is dropped before it has ended, the call is as if it had
/// been ignored, and all that its policies took goes back. What does not fit its state is caught by an `assert`, and
/// without them does nothing. Belongs to one thread at a time.
///
/// To policies a failure is the error code of a `std::expected<void, std::error_code>`: selectors of errors see it.
/// What a function of a policy's throws passes through, and the call has ended then.
template <class Lanes>
class [[nodiscard]] ticket {
    static_assert(Lanes::parts::outermost_fork == Lanes::size,
                  "keel: hedge runs attempts at the same time, which one ticket can't: begin a ticket for each, or use "
                  "`co_await keel::async(p, f)` of keel/adapt/asio.hpp");
    using paused = detail::paused_walk<Lanes>;
    using room = typename paused::room;

  public:
    /// For pipelines: `p.begin()`.
    KEEL_ALWAYS_INLINE ticket(Lanes& pipeline, call c)
      : pipeline_(&pipeline) {
        std::size_t admitted = 0;
        typename Lanes::express_frames frames{};
        bool knows_now = false;
        if (pipeline.try_admit(c, frames, admitted, knows_now)) [[likely]] {
            const call::remains left = c.leave();
            std::construct_at(&express_.object, left.deadline, left.outer, std::move(frames));
            return;
        }
        room next;
        go_on(paused::begin(next, pipeline, {c.leave(), frames}, {admitted, 0, false, knows_now}), next);
    }
    KEEL_ALWAYS_INLINE ticket(ticket&& from) noexcept
      : pipeline_(from.pipeline_)
      , phase_(std::exchange(from.phase_, phase::over)) {
        express_.take_if(phase_ == phase::express, from.express_);
        if (pauses()) [[unlikely]]
            paused_.take(from.paused_);
    }
    KEEL_ALWAYS_INLINE ticket& operator=(ticket&& from) noexcept {
        if (this != &from) {
            std::destroy_at(this);
            std::construct_at(this, std::move(from));
        }
        return *this;
    }
    KEEL_ALWAYS_INLINE ~ticket() {
        if (phase_ == phase::express) [[unlikely]] {
            paused::drop(*pipeline_, leave_express().left());
        } else if (phase_ < (std::is_trivially_destructible_v<paused> ? phase::ended : phase::over)) [[unlikely]] {
            room last;
            last.take(paused_);
            paused::drop(last);
        }
    }

    /// Whether an attempt may be made now.
    KEEL_ALWAYS_INLINE explicit operator bool() const noexcept { return phase_ <= phase::running; }
    /// Whether `resume` is to be called once `delay()` has passed.
    KEEL_ALWAYS_INLINE bool waiting() const noexcept { return phase_ == phase::waiting; }
    /// While it is waiting: how long, from when that began.
    KEEL_ALWAYS_INLINE nanos delay() const noexcept { return pauses() ? paused_.object.delay() : nanos(0); }

    /// How many attempts have begun: 1 in the first.
    KEEL_ALWAYS_INLINE std::uint32_t attempt() const noexcept { return pauses() ? paused_.object.attempt() : 1; }
    /// While it is running: when the attempt must have ended; `no_deadline` if nothing bounds it.
    KEEL_ALWAYS_INLINE time_point deadline() const noexcept {
        if (phase_ == phase::express) return express_.object.deadline;
        return pauses() ? paused_.object.deadline() : no_deadline;
    }

    /// Once it has ended: the rejection that the call ended with, or `errc{}`.
    KEEL_ALWAYS_INLINE errc error() const noexcept { return pauses() ? paused_.object.came_to().rejection() : errc{}; }
    /// After a rejection: how long until asking again makes sense; after a failure, what `failure` was told. 0:
    /// unknown.
    KEEL_ALWAYS_INLINE nanos retry_after() const noexcept {
        return pauses() ? paused_.object.came_to().retry_after() : nanos(0);
    }
    /// Once it has ended, unless by an exception: what the call came to. The error is that of the last attempt, or of a
    /// fallback, or `error()`.
    KEEL_ALWAYS_INLINE std::expected<void, std::error_code> result() const noexcept {
        return pauses() ? paused_.object.came_to().result() : detail::by_hand_result();
    }

    /// The attempt has succeeded. A policy can see that otherwise, such as a timeout, and want another one.
    KEEL_ALWAYS_INLINE again success() {
        room next;
        if (phase_ == phase::express) [[likely]] {
            express left = leave_express();
            call c = left.as_call(*pipeline_);
            std::size_t settled = 0;
            bool knows_now = false;
            if (pipeline_->try_settle(c, left.frames, detail::by_hand_result(), settled, knows_now)) [[likely]]
                return {};
            return go_on(
                paused::succeed(next, *pipeline_, {c.leave(), left.frames}, {Lanes::size, settled, true, knows_now}),
                next);
        }
        if (!leave(phase::running, next)) return {};
        return go_on(paused::succeed(next), next);
    }
    /// The attempt has failed with `why`, which must be an error. A retry waits for `retry_after` at least.
    KEEL_ALWAYS_INLINE again failure(std::error_code why = std::make_error_code(std::errc::io_error),
                                     nanos retry_after = {}) {
        room next;
        if (phase_ == phase::express)
            return go_on(paused::fail(next, *pipeline_, leave_express().left(), why, retry_after), next);
        if (!leave(phase::running, next)) return {};
        return go_on(paused::fail(next, why, retry_after), next);
    }
    /// The attempt says nothing about the callee: as `failure(std::errc::operation_canceled)`, which only a selector
    /// that names it takes for a failure.
    KEEL_ALWAYS_INLINE again ignore() { return failure(std::make_error_code(std::errc::operation_canceled)); }

    /// `delay()` has passed. Whether an attempt may be made now. If it is too soon, by the pipeline's clock, and nobody
    /// wants the call to end, the ticket goes on waiting, and `delay()` is how long still.
    KEEL_ALWAYS_INLINE bool resume() {
        room next;
        if (!leave(phase::waiting, next)) return false;
        go_on(paused::resume(next), next);
        return bool(*this);
    }

  private:
    /// On the express lane, in a walk that pauses, or `over`: ended on the express lane or by an exception, or moved
    /// from.
    enum class phase : std::uint8_t { express, running, waiting, ended, over };

    // Functions out of line get copies of this and never the ticket, all of whose members are inlined therefore: of an
    // object whose address no function knows, compilers keep in registers what a call needs, and make no more of it.
    struct express {
        time_point deadline;
        const context* outer;
        typename Lanes::express_frames frames;

        KEEL_ALWAYS_INLINE call as_call(const Lanes& pipeline) const noexcept {
            return {remains(), false, 1, clock_ref(pipeline.clock())};
        }
        KEEL_ALWAYS_INLINE typename Lanes::stopped left() const noexcept { return {remains(), frames}; }

      private:
        KEEL_ALWAYS_INLINE call::remains remains() const noexcept {
            return {deadline, time_point::min(), outer, detail::any_number_of_retries};
        }
    };

    KEEL_ALWAYS_INLINE bool pauses() const noexcept { return phase_ != phase::express && phase_ != phase::over; }

    KEEL_ALWAYS_INLINE express leave_express() noexcept {
        phase_ = phase::over;
        express left = std::move(express_.object);
        std::destroy_at(&express_.object);
        return left;
    }
    /// Leaves the ticket over, as it is if a step throws; `go_on` follows otherwise.
    KEEL_ALWAYS_INLINE bool leave(phase from, room& next) noexcept {
        if (phase_ != from) [[unlikely]] {
            misused(phase_);
            return false;
        }
        phase_ = phase::over;
        next.take(paused_);
        return true;
    }
    KEEL_ALWAYS_INLINE again go_on(detail::step then, room& next) noexcept {
        phase_ = then == detail::step::invoke ? phase::running
                 : then == detail::step::wait ? phase::waiting
                                              : phase::ended;
        const nanos delay = next.object.delay();
        paused_.take(next);
        return {then == detail::step::wait, delay};
    }
    KEEL_COLD static void misused([[maybe_unused]] phase p) noexcept {
        assert(p > phase::running && "keel: this ticket does not wait: end its attempt");
        assert(p != phase::waiting && "keel: this ticket waits: resume() comes first");
        assert(p != phase::ended && "keel: this ticket has ended");
        assert(p != phase::over && "keel: this ticket has ended, or was moved from");
    }

    Lanes* pipeline_;
    phase phase_ = phase::express;
    detail::room<express> express_;
    room paused_;
};

#pragma GCC diagnostic pop

} // namespace keel
