#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "gate.hpp"

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// Runs functions on the executor that a gate is for, each as a section of that gate.
class section_executor {
  public:
    explicit section_executor(gate::ref through) noexcept
      : gate_(std::move(through)) {}
    section_executor(const section_executor& other) noexcept
      : section_executor(other, other.never_blocks_, other.is_work_) {}
    section_executor(section_executor&& from) noexcept
      : gate_(std::move(from.gate_))
      , never_blocks_(from.never_blocks_)
      , is_work_(std::exchange(from.is_work_, false)) {}
    section_executor& operator=(section_executor from) noexcept {
        std::swap(gate_, from.gate_);
        std::swap(never_blocks_, from.never_blocks_);
        std::swap(is_work_, from.is_work_);
        return *this;
    }
    ~section_executor() {
        if (is_work_) gate_->end_work();
    }

    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept {
        return boost::asio::query(gate_->inner(), boost::asio::execution::context);
    }
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept {
        if (never_blocks_) return boost::asio::execution::blocking.never;
        return boost::asio::execution::blocking.possibly;
    }
    boost::asio::execution::outstanding_work_t query(boost::asio::execution::outstanding_work_t) const noexcept {
        if (is_work_) return boost::asio::execution::outstanding_work.tracked;
        return boost::asio::execution::outstanding_work.untracked;
    }
    section_executor require(boost::asio::execution::blocking_t::never_t) const noexcept {
        return {*this, true, is_work_};
    }
    section_executor require(boost::asio::execution::blocking_t::possibly_t) const noexcept {
        return {*this, false, is_work_};
    }
    section_executor require(boost::asio::execution::outstanding_work_t::tracked_t) const noexcept {
        return {*this, never_blocks_, true};
    }
    section_executor require(boost::asio::execution::outstanding_work_t::untracked_t) const noexcept {
        return {*this, never_blocks_, false};
    }

    template <class F>
    void execute(F&& f) const {
        const auto on = [&](auto property) {
            boost::asio::prefer(gate_->inner(), property).execute(section<std::decay_t<F>>{gate_, std::forward<F>(f)});
        };
        if (never_blocks_)
            on(boost::asio::execution::blocking.never);
        else
            on(boost::asio::execution::blocking.possibly);
    }

    friend bool operator==(const section_executor& a, const section_executor& b) noexcept {
        return a.gate_ == b.gate_ && a.never_blocks_ == b.never_blocks_;
    }

  private:
    template <class F>
    struct section {
        gate::ref through;
        F function;

        void operator()() {
            const gate::section now(through);
            std::move(function)();
        }
    };
    section_executor(const section_executor& other, bool never_blocks, bool is_work) noexcept
      : gate_(other.gate_)
      , never_blocks_(never_blocks)
      , is_work_(is_work) {
        if (is_work_) gate_->begin_work();
    }

    gate::ref gate_;
    bool never_blocks_ = false;
    bool is_work_ = false; ///< whether the context is to run on for this one
};

} // namespace keel::detail
