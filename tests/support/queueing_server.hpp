#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "flights.hpp"

#include <keel/duration.hpp>
#include <keel/policy.hpp>
#include <keel/random.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

namespace support {

/// A server with so many workers, and clients that come at random to a policy in front of it: those who are let in
/// wait for a worker, first come, first served. In virtual time, and the same for the same seed.
template <keel::policy P>
class queueing_server {
  public:
    using seconds = std::chrono::duration<double>;

    std::size_t workers = 10;
    double work = 0.1;      ///< seconds that a worker takes, give or take a fifth
    double arrivals = 300;  ///< a second
    double patience = 1e9;  ///< seconds after which a client gives up, and its request is not worked on
    std::uint64_t sent = 0; ///< to the server
    flights<P> client;

    explicit queueing_server(const P& policy, std::uint64_t seed = 42)
      : client(policy)
      , random_(seed) {}

    void run(double duration) {
        const double end = now_ + duration;
        for (;;) {
            const double next = now_ - std::log(1 - random_.unit()) / arrivals;
            finish(std::min(next, end));
            now_ = std::min(next, end);
            if (next > end) return;
            set_clock(next);
            if (auto f = client.begin()) serve(*f);
        }
    }
    /// The mean of the limit over that time, which passes.
    double mean_limit(int for_seconds) {
        double sum = 0;
        for (int i = 0; i < for_seconds; ++i) {
            run(1);
            sum += client.state.limit();
        }
        return sum / for_seconds;
    }

  private:
    struct job {
        double until;
        typename flights<P>::flight flight;
        bool fails;

        bool operator<(const job& other) const { return until > other.until; }
    };

    void serve(const typename flights<P>::flight& f) {
        ++sent;
        free_at_.resize(workers, now_);
        double& worker = *std::ranges::min_element(free_at_);
        const double done = std::max(worker, now_) + work * (0.8 + 0.4 * random_.unit());
        const bool fails = done - now_ > patience;
        under_way_.push({fails ? now_ + patience : done, f, fails});
        if (!fails) worker = done;
    }
    void finish(double until) {
        while (!under_way_.empty() && under_way_.top().until <= until) {
            job j = under_way_.top();
            under_way_.pop();
            set_clock(j.until);
            if (j.fails)
                client.fail(j.flight);
            else
                client.succeed(j.flight);
        }
    }
    void set_clock(double t) { client.clock.set(keel::time_point(keel::nanos(seconds(t)))); }

    keel::random_source random_;
    double now_ = 1000;
    std::vector<double> free_at_;
    std::priority_queue<job> under_way_;
};

} // namespace support
