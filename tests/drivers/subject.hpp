#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "account.hpp"
#include "channels.hpp"
#include "story.hpp"
#include "world.hpp"

#include "matrix/settings.hpp"

#include <keel/circuit.hpp>
#include <keel/context.hpp>
#include <keel/pipeline.hpp>

#include <any>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>

namespace drivers {

/// What a chain is composed in: its clock, and what its policies refer to, which lives as long as they.
template <class Clock>
class setting {
  public:
    setting(world& w, const Clock& clock, std::uint64_t seed)
      : world_(w)
      , clock_(clock)
      , random_(seed) {}

    /// Configurations that are drawn, for the policies of one place in a chain.
    matrix::settings drawn() { return matrix::made_up(random_); }

    /// One for all pipelines of a story, made by who asks first.
    template <class T, class... Args>
    T& shared(const Args&... args) {
        for (const auto& kept : kept_) {
            if (auto* const found = std::any_cast<std::shared_ptr<T>>(&kept)) return **found;
        }
        return *std::any_cast<std::shared_ptr<T>>(kept_.emplace_back(std::make_shared<T>(args...)));
    }
    template <class Window>
    auto& circuit(const keel::breaker_config<Window>& config) {
        return shared<keel::circuit<Window, Clock>>(config, clock_);
    }

    /// A function for a fallback that gives this answer, and notes what failure it was told.
    auto noting(const answer& a) const {
        return [w = &world_, a](const auto& failure, const keel::context&) {
            w->told(why(failure));
            return a;
        };
    }

  private:
    world& world_;
    Clock clock_;
    std::mt19937_64 random_;
    std::deque<std::any> kept_;
};

/// A ticket, without its type.
template <class Ticket>
class held_ticket final : public held {
  public:
    explicit held_ticket(Ticket begun)
      : ticket_(std::move(begun)) {}
    bool is_inside() const override { return bool(ticket_); }
    void end(bool well) noexcept override {
        try {
            static_cast<void>(well ? ticket_.success() : ticket_.failure());
        } catch (...) {
        }
    }

  private:
    Ticket ticket_;
};

inline void apply_to(auto& circuit, deed what) {
    switch (what) {
    case deed::open:
        return circuit.open();
    case deed::half_open:
        return circuit.half_open();
    case deed::close:
        return circuit.close();
    case deed::force_open:
        return circuit.force_open();
    case deed::disable:
        return circuit.disable();
    case deed::metrics_only:
        return circuit.metrics_only();
    case deed::reset:
        return circuit.reset();
    }
}

/// The pipelines of a story.
template <class Chain, class Clock>
class pipelines_of final : public pipelines {
  public:
    using pipeline = keel::pipeline<Chain, Clock>;

    /// `compose()` makes the chain of the next pipeline.
    template <class Compose>
    pipelines_of(const Compose& compose, int how_many, const Clock& clock) {
        for (int i = 0; i < how_many; ++i)
            all_.emplace_back(compose(), clock);
    }

    pipeline& at(int which) { return all_[static_cast<std::size_t>(which)]; }

    std::unique_ptr<held> begin(int which) noexcept override {
        try {
            return std::make_unique<held_ticket<decltype(at(which).begin())>>(at(which).begin());
        } catch (...) {
            return nullptr;
        }
    }
    void apply(deed what) override {
        each([what](const auto&, auto& state) {
            if constexpr (requires { state.circuit; }) apply_to(state.circuit, what);
        });
    }
    std::string account() override {
        std::string text;
        each([&](const auto& policy, auto& state) {
            const std::string own = account_of(policy, state);
            if (!own.empty()) text += (text.empty() ? "" : "; ") + own;
        });
        return text;
    }

  private:
    template <class Do>
    void each(const Do& with) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (with(at(0).template get<I>(), at(0).template state<I>()), ...);
        }(std::make_index_sequence<Chain::size>());
    }

    std::deque<pipeline> all_;
};

} // namespace drivers
