#pragma once
// SPDX-License-Identifier: BSL-1.0

namespace keel::detail {

/// A place in a ring, which allocates nothing: a thing that is in one derives from its place, and a place that is
/// nobody's is where the ring begins. Leaves the ring when it ends. Not thread-safe.
class ring_place {
  public:
    ring_place() = default;
    ring_place(const ring_place&) = delete;
    ring_place& operator=(const ring_place&) = delete;
    ~ring_place() { leave(); }

    bool is_alone() const noexcept { return after_ == this; }
    ring_place& after() const noexcept { return *after_; }

    /// As the last, seen from `begin`; must be alone.
    void enter(ring_place& begin) noexcept {
        before_ = begin.before_;
        after_ = &begin;
        before_->after_ = after_->before_ = this;
    }

    void leave() noexcept {
        before_->after_ = after_;
        after_->before_ = before_;
        before_ = after_ = this;
    }

    /// Puts itself, who must be alone, in the place of `other`, who is alone then.
    void replace(ring_place& other) noexcept {
        if (other.is_alone()) return;
        enter(*other.after_);
        other.leave();
    }

    /// How many others there are.
    unsigned others() const noexcept {
        unsigned n = 0;
        for (const ring_place* p = after_; p != this; p = p->after_)
            ++n;
        return n;
    }

  private:
    ring_place* before_ = this;
    ring_place* after_ = this;
};

} // namespace keel::detail
