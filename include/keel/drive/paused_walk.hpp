#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../clock/clock.hpp"
#include "../detail/macros.hpp"
#include "../detail/room.hpp"
#include "../duration.hpp"
#include "../policy.hpp"
#include "../result.hpp"
#include "kept_outcome.hpp"
#include "walk.hpp"

#include <cassert>
#include <cstdint>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace keel::detail {

/// A call that is driven by hand, off the express lane, between two of its steps: an attempt or a wait is under way, or
/// it has ended. Plain bytes where the frames of its policies are.
///
/// A step makes the next one of it, in the same room, which is left empty if it throws: then all that policies have
/// taken has gone back.
template <class Lanes>
class paused_walk {
    using walk = detail::walk<Lanes, by_hand_result>;

  public:
    using room = detail::room<paused_walk>;
    using stopped = typename Lanes::stopped;

    paused_walk(Lanes& pipeline, walk& w, nanos delay, const kept_outcome& came_to) noexcept
      : pipeline_(&pipeline)
      , pause_(w.pause())
      , delay_(delay)
      , came_to_(came_to) {}
    paused_walk(Lanes& pipeline, const admission& refusal) noexcept
      : pipeline_(&pipeline)
      , pause_{.frames = typename Lanes::frames(typename Lanes::express_frames{})}
      , came_to_(refusal) {}

    /// Goes in from where the express lane stopped. Not cold: while a circuit is open, every call ends here.
    KEEL_NOINLINE static step begin(room& empty, Lanes& pipeline, const stopped& left, junction at) {
        call c(left.call, at.knows_now(), 0, clock_ref(pipeline.clock()));
        const admission a = pipeline.turn_away(c, at);
        if (a.granted()) return go_in(empty, pipeline, left, at);
        std::construct_at(&empty.object, pipeline, a);
        return step::finish;
    }
    /// The attempt of the express lane has ended.
    KEEL_COLD static step succeed(room& empty, Lanes& pipeline, const stopped& left, junction at) {
        return end(empty, pipeline, left, at, {}, {});
    }
    KEEL_COLD static step fail(room& empty, Lanes& pipeline, const stopped& left, std::error_code why,
                               nanos retry_after) {
        return end(empty, pipeline, left, {Lanes::size, 0, true, false}, failure_of(why), retry_after);
    }
    /// The attempt that is under way has ended.
    KEEL_COLD static step succeed(room& now) { return end(now, {}, {}); }
    KEEL_COLD static step fail(room& now, std::error_code why, nanos retry_after) {
        return end(now, failure_of(why), retry_after);
    }
    /// The wait is over, unless it is too soon.
    KEEL_COLD static step resume(room& now) {
        Lanes& pipeline = *now.object.pipeline_;
        taken_up w(now);
        const bool goes_on = w.of().now() >= w.due() || w.of().stop_requested();
        return pause(now, pipeline, w, goes_on ? w.waited() : step::wait);
    }
    /// Nothing comes of it: what policies have taken goes back.
    KEEL_COLD static void drop(room& now) noexcept { const taken_up w(now); }
    KEEL_COLD static void drop(Lanes& pipeline, const stopped& left) noexcept {
        const walk w(pipeline, left, {Lanes::size, 0, true, false});
    }

    /// How many attempts have begun.
    std::uint32_t attempt() const noexcept { return pause_.attempt; }
    time_point deadline() const noexcept { return pause_.deadline; }
    /// Of the wait, from when it began.
    nanos delay() const noexcept { return delay_; }
    /// What the attempt came to, or the call.
    const kept_outcome& came_to() const noexcept { return came_to_; }

  private:
    /// Leaves the room empty.
    struct taken_up : walk {
        explicit taken_up(room& now) noexcept
          : walk(*now.object.pipeline_, std::move(now.object.pause_)) {
            now.object.came_to_.put_back(this->outcome());
            std::destroy_at(&now.object);
        }
    };

    static std::error_code failure_of(std::error_code why) noexcept {
        assert(why && "keel: a failure without an error would be a success");
        return why ? why : std::make_error_code(std::errc::io_error);
    }
    KEEL_COLD static step go_in(room& empty, Lanes& pipeline, const stopped& left, junction at) {
        walk w(pipeline, left, at);
        return pause(empty, pipeline, w, w.go_in());
    }
    static step end(room& empty, Lanes& pipeline, const stopped& left, junction at, std::error_code why,
                    nanos retry_after) {
        walk w(pipeline, left, at);
        if (w.in_attempt()) w.share_retries();
        kept_outcome::put(w.outcome(), why, retry_after);
        return pause(empty, pipeline, w, w.ended());
    }
    static step end(room& now, std::error_code why, nanos retry_after) {
        Lanes& pipeline = *now.object.pipeline_;
        taken_up w(now);
        kept_outcome::put(w.outcome(), why, retry_after);
        return pause(now, pipeline, w, w.ended());
    }
    static step pause(room& empty, Lanes& pipeline, walk& w, step next) {
        if (next == step::finish && w.outcome().exception()) std::rethrow_exception(w.outcome().exception());
        if (next == step::invoke) {
            ++w.of().attempt;
            std::construct_at(&empty.object, pipeline, w, nanos(0), kept_outcome());
        } else {
            const nanos delay = next == step::wait ? nanos(w.due() - w.of().now()) : nanos(0);
            std::construct_at(&empty.object, pipeline, w, delay, kept_outcome(w.outcome()));
        }
        return next;
    }

    Lanes* pipeline_;
    typename walk::paused pause_;
    nanos delay_{};
    kept_outcome came_to_;
};

} // namespace keel::detail
