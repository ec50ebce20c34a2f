#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/clock/manual_clock.hpp>
#include <keel/duration.hpp>
#include <keel/error.hpp>
#include <keel/random.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace matrix {

/// What a call comes to, or what a function answers.
struct result {
    enum class form : std::uint8_t { value, error, cancelled, rejection };
    form how = form::value;
    int value = 0;
    keel::errc reason{};
    keel::nanos retry_after{};
};

/// One thing that can be seen from outside.
struct event {
    enum class form : std::uint8_t { invoked, told, ended };
    form what;
    keel::time_point at;
    int depth;                   // of calls that functions make
    keel::time_point deadline{}; // invoked or told
    std::uint32_t attempt = 0;   // invoked or told
    result came{};               // ended: what came of it. told: the failure

    bool operator==(const event& o) const {
        return what == o.what && at == o.at && depth == o.depth && deadline == o.deadline && attempt == o.attempt &&
               came.how == o.came.how && came.value == o.came.value && came.reason == o.came.reason &&
               came.retry_after == o.came.retry_after;
    }
};
std::string text_of(const event&);

/// What the function does in its n-th invocation.
struct step {
    result::form how{};
    int value = 0;
    std::chrono::nanoseconds takes{};
    bool calls_again = false; // the same pipeline, while it runs
    bool as_part = false;     // calls it with its context
    bool stops = false;       // asks the call to end, and all that are part of it
};

/// What happens around a pipeline, or around its model: the same for the same seed.
class script {
  public:
    explicit script(std::uint64_t seed)
      : seed_(seed) {}
    virtual ~script() = default;
    virtual step at(std::uint64_t invocation) const;
    virtual std::chrono::nanoseconds pause_before(int call) const;
    /// Whether a function that is to call the pipeline does so, once more: so many calls deep, after so many from this
    /// very invocation, and so many in all.
    virtual bool calls_again(int depth, int made, int begun) const;

  protected:
    script(const script&) = default;
    script& operator=(const script&) = default;

  private:
    std::uint64_t seed_;
};

/// A pipeline, or its model.
class side {
  public:
    side() = default;
    side(const side&) = delete;
    side& operator=(const side&) = delete;
    virtual ~side() = default;

    /// One call, which ends in `world::ended`. `context` is one that was handed to `world::run`, or null.
    virtual void call(const void* context) = 0;
    /// What its policies count at the moment.
    virtual std::string account() const = 0;
};

/// Where a pipeline, or its model, lives: its clock, the function that it calls, and all that can be seen of it.
class world {
  public:
    world(const script& played, bool tells_context);

    keel::manual_clock clock;
    std::vector<event> seen;
    /// The pipeline, which is called from within its function too.
    side* pipeline = nullptr;

    /// A call from outside, or from within a function with the context that it got.
    void call(const void* context = nullptr);
    int begun() const { return begun_; }
    /// Whether somebody wants the calls to end that were told a context.
    bool stop_requested() const noexcept { return stopped_; }

    // For the pipeline.

    /// The function that is called. What it is told of the call counts for nothing in a world without context.
    result run(keel::time_point deadline, std::uint32_t attempt, const void* context);
    /// The function of a fallback. Knows no values.
    result answer(const result& failure, keel::time_point deadline, std::uint32_t attempt);
    void ended(const result& r);

  private:
    const script& script_;
    bool tells_context_;
    std::uint64_t invocations_ = 0;
    int depth_ = 0;
    int begun_ = 0;
    bool stopped_ = false;
};

} // namespace matrix
