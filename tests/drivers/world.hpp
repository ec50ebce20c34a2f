#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "story.hpp"

#include <keel/clock/manual_clock.hpp>
#include <keel/duration.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drivers {

/// What can be seen of a call from outside.
struct seen_call {
    const call* of = nullptr;
    std::vector<time> tried{};
    std::vector<time> due{};
    std::vector<std::uint32_t> numbers{}; // of the attempts
    std::optional<result> with{};         // once it has ended
    time ended{};
    std::string account{}; // of the policies, right after it
};
struct seen {
    std::deque<seen_call> calls{}; // as they began
    std::vector<told_failure> told{};
    std::string let_in{}; // of the guests: (i)nside, or (o)ut
    std::string account{};
    bool cancels = false; // an attempt that is late
};

/// A call that is driven by hand; dropped if it has not ended. What a function of a policy's throws has ended it.
class held {
  public:
    held() = default;
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    virtual ~held() = default;
    virtual bool is_inside() const = 0;
    virtual void end(bool well) noexcept = 0;
};

/// Pipelines of one chain, without its type.
class pipelines {
  public:
    pipelines() = default;
    pipelines(const pipelines&) = delete;
    pipelines& operator=(const pipelines&) = delete;
    virtual ~pipelines() = default;
    /// Null if a function of a policy's throws.
    virtual std::unique_ptr<held> begin(int which) noexcept = 0;
    virtual void apply(deed) = 0;
    /// What the policies of the first one have counted.
    virtual std::string account() = 0;
};

/// Where the pipelines live: their time, what happens beside the calls, and all that can be seen.
class world {
  public:
    explicit world(const story& played);

    keel::manual_clock clock;
    seen trace;
    /// Which happenings are about.
    pipelines* stage = nullptr;

    time now() const { return clock.now().time_since_epoch(); }
    bool is_stopped(const call& c) const;

    seen_call& begun(const call&);
    /// What the function is to do in its next attempt, whose number is what it is told.
    const attempt& next_attempt(seen_call&, keel::time_point deadline, std::uint32_t number);
    result ending(const attempt&, keel::time_point deadline) const;
    void ended(seen_call&, const result&);
    void told(const result& why) { trace.told.push_back({now(), why}); }

    /// When the next thing happens beside the calls, if anything.
    std::optional<time> next() const;
    void happen();

    /// Stops a call by the caller, see `keel::stoppable`.
    struct stop_token {
        const world* of;
        const call* whose;
        bool stop_requested() const noexcept { return of->is_stopped(*whose); }
    };

  private:
    struct happening {
        time at;
        const guest* comes = nullptr;
        const guest* goes = nullptr;
        const deed* does = nullptr;
        const call* stops = nullptr;
    };
    void plan(const std::vector<call>&);
    void happen(const happening&);

    std::vector<happening> happenings_;
    std::size_t happened_ = 0;
    std::vector<const call*> stopped_;
    struct inside {
        const guest* who;
        std::unique_ptr<held> call;
    };
    std::vector<inside> guests_;
};

} // namespace drivers
