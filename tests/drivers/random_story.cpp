// SPDX-License-Identifier: BSL-1.0
#include "random_story.hpp"

#include <random>

namespace drivers {
namespace {

class author {
  public:
    author(const story& s, std::uint64_t seed, bool with_parts)
      : random_(seed)
      , pipelines_(s.pipelines)
      , with_parts_(with_parts)
      , throws_(s.chain.blocking_by_exception != nullptr) {}

    std::vector<call> calls(time from, int how_many, int depth) {
        std::vector<call> all;
        for (int i = 0; i < how_many; ++i) {
            from += one_in(8) ? ms(120) : one_in(2) ? ms(8) : time(0);
            call c{.at = from, .by = draw(pipelines_), .part = depth > 0 && with_parts_ && one_in(2)};
            if (one_in(12)) c.stopped_at = odd(from + ms(12));
            // A call that makes others makes no further attempts like that: they may be many.
            for (int n = draw(4); n >= 0; --n)
                c.attempts.push_back(attempt_at(from, depth));
            c.attempts.push_back({.takes = ms(6), .ends = end(), .fails_in_time = true});
            all.push_back(std::move(c));
        }
        last_ = from;
        return all;
    }
    std::vector<guest> guests() {
        std::vector<guest> all;
        for (int i = draw(6); i > 0; --i) {
            const time from = odd(draw_time());
            all.push_back(
                {.from = from, .to = odd(from + ms(30)), .ends = guest::end(draw(3)), .by = draw(pipelines_)});
        }
        return all;
    }
    std::vector<deed_at> deeds() {
        std::vector<deed_at> all;
        for (int i = draw(4); i > 0; --i)
            all.push_back({.at = odd(draw_time()), .what = deed(draw(7))});
        return all;
    }

  private:
    int draw(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
    bool one_in(int n) { return draw(n) == 0; }
    /// Whole milliseconds.
    time ms(int below) { return std::chrono::milliseconds(draw(below)); }
    time draw_time() { return last_ * draw(100) / 100; }
    /// A time at which nothing else happens: calls begin, end and look for permits at multiples of 50 us.
    time odd(time at) { return std::chrono::floor<std::chrono::milliseconds>(at) + 13us + time(++odd_); }

    attempt attempt_at(time from, int depth) {
        attempt a{.takes = one_in(3) ? time(0) : one_in(4) ? ms(30) : ms(5), .ends = end(), .fails_in_time = true};
        if (depth < 2 && one_in(5)) a.calls = calls(from, 1 + draw(2), depth + 1);
        return a;
    }
    result end() {
        switch (draw(12)) {
        case 0:
            return cancelled;
        case 1:
            return throws_ ? threw : failed();
        case 2:
            return failed(std::errc::timed_out);
        case 3:
        case 4:
        case 5:
            return failed();
        default:
            return succeeded(draw(8) - 1);
        }
    }

    std::mt19937_64 random_;
    int pipelines_;
    bool with_parts_;
    bool throws_;
    int odd_ = 0;
    time last_{};
};

} // namespace

story made_up(const story& around, std::uint64_t seed, bool with_parts) {
    author by(around, seed, with_parts);
    story s{.name = around.name, .chain = around.chain, .pipelines = around.pipelines, .seed = seed};
    s.calls = by.calls(time(0), 12, 0);
    s.guests = by.guests();
    s.deeds = by.deeds();
    return s;
}

} // namespace drivers
