#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "channels.hpp"
#include "story.hpp"
#include "subject.hpp"
#include "world.hpp"

#include <keel/context.hpp>
#include <keel/duration.hpp>

#include <cstdint>
#include <exception>

namespace drivers {

// The two drivers of a thread that waits itself: the blocking call, and the ticket.

class on_thread;
struct clock_on_thread;

/// How calls are made through the pipelines of one chain.
class calls_on_thread {
  public:
    calls_on_thread() = default;
    calls_on_thread(const calls_on_thread&) = delete;
    calls_on_thread& operator=(const calls_on_thread&) = delete;
    virtual ~calls_on_thread() = default;
    virtual result make(on_thread&, seen_call&, const keel::context* around) = 0;
};

/// Plays a story on this thread. What is about to happen does so while a call waits, or its function runs.
class on_thread : public world {
  public:
    using world::world;

    clock_on_thread told_by();
    void play(const story&, pipelines&, calls_on_thread&);
    /// What the function does in one attempt. `told` is its context.
    result act(seen_call&, const keel::context& told, std::uint32_t attempt);
    void sleep_until(time);

  private:
    void make(const call&, const keel::context* around);

    calls_on_thread* calls_ = nullptr;
};

/// A world's time, in which things happen while one sleeps.
struct clock_on_thread {
    on_thread* of = nullptr;

    keel::time_point now() const noexcept { return of->clock.now(); }
    void sleep_until(keel::time_point t) const { of->sleep_until(t.time_since_epoch()); }
};
inline clock_on_thread on_thread::told_by() { return {this}; }

/// `p(f)`
template <class Chain, class Channel>
class by_blocking final : public calls_on_thread {
  public:
    explicit by_blocking(pipelines_of<Chain, clock_on_thread>& all)
      : all_(all) {}

    result make(on_thread& w, seen_call& c, const keel::context* around) override {
        const function f{w, c};
        auto& p = all_.at(c.of->by);
        try {
            return Channel::read(around == nullptr ? p(f) : p(*around, f));
        } catch (...) {
            return caught(std::current_exception());
        }
    }

  private:
    struct function {
        on_thread& w;
        seen_call& c;
        typename Channel::type operator()(const keel::context& told) const {
            return Channel::give(w.act(c, told, told.attempt()));
        }
    };

    pipelines_of<Chain, clock_on_thread>& all_;
};

/// `p.begin()`
template <class Chain>
class by_hand final : public calls_on_thread {
  public:
    explicit by_hand(pipelines_of<Chain, clock_on_thread>& all)
      : all_(all) {}

    result make(on_thread& w, seen_call& c, const keel::context* around) override {
        try {
            return drive(w, c, around);
        } catch (...) {
            return caught(std::current_exception()); // by a function of a policy
        }
    }

  private:
    result drive(on_thread& w, seen_call& c, const keel::context* around) {
        auto& p = all_.at(c.of->by);
        auto t = around == nullptr ? p.begin() : p.begin(*around);
        while (t || t.waiting()) {
            if (t.waiting()) {
                w.sleep_until(w.now() + time(t.delay()));
                t.resume();
                continue;
            }
            const result r = w.act(c, keel::context(t.deadline()), t.attempt());
            if (r.how == result::form::success)
                t.success();
            else
                t.failure(r.error.value_or(stands_for_exception), r.retry_after.value_or(time(0)));
        }
        if (t.error() != keel::errc{}) return rejected(t.error(), t.retry_after());
        if (t.result()) return success;
        if (t.result().error() == stands_for_exception) return threw;
        return {.how = result::form::error, .error = t.result().error()};
    }

    pipelines_of<Chain, clock_on_thread>& all_;
};

} // namespace drivers
