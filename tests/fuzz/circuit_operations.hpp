#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "support/naive_circuit.hpp"

#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/sync/thread_slot.hpp>
#include <keel/window/consecutive_failures.hpp>
#include <keel/window/sliding_time_window.hpp>
#include <keel/window/sliding_window.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// Bytes become a circuit and a sequence of operations, which is run on keel's circuit and on the naive one beside it.
// Random tests make the bytes up, the fuzzer breeds them.

namespace fuzz {

using duration = std::chrono::nanoseconds;
using support::naive_circuit;

/// Of each window one that is large enough, and one at the edge of its capacities. Few shards, to be read sooner.
using count_window = keel::basic_sliding_window<{.shards = 2, .failures = 40}>;
using small_count_window = keel::basic_sliding_window<{.shards = 1, .failures = 8}>;
using time_window = keel::basic_sliding_time_window<{.shards = 2, .buckets = 16}>;
using small_time_window = keel::basic_sliding_time_window<{.shards = 1, .buckets = 3}>;

template <class Window>
using config_of = keel::breaker_config<Window>;
using any_config = std::variant<config_of<count_window>, config_of<small_count_window>, config_of<time_window>,
                                config_of<small_time_window>, config_of<keel::consecutive_failures>>;

struct setup {
    any_config config;
    bool express = false; // by the hooks of a breaker, on the express lane where that takes them; else by permits
    keel::time_point start{};
    duration longest_wait{}; // of all together: what the circuit's word and its buckets can tell apart
};

struct operation {
    enum kind : std::uint8_t {
        ask,        // a call begins, if it is granted
        succeed,    // one that is out ends
        fail,       //
        drop,       //
        pass,       // a call begins and succeeds
        miss,       // a call begins and fails
        wait,       // for `amount`
        to_period,  // until `amount` before or after the end of the open period
        to_lease,   // the same of the lease
        to_slow,    // the same of when one of the calls that are out becomes slow
        to_bucket,  // the same of the next bucket's start
        close,      // by hand
        open,       //
        half_open,  //
        force_open, //
        disable,    //
        metrics_only,
        reset,
    };
    kind what = ask;
    std::uint8_t which = 0; // of the calls that are out
    duration amount{};
};

/// A stream that goes on with zeros.
class bytes {
  public:
    explicit bytes(std::span<const std::uint8_t> from)
      : from_(from) {}
    bool empty() const { return from_.empty(); }
    unsigned next() {
        if (from_.empty()) return 0;
        const unsigned b = from_[0];
        from_ = from_.subspan(1);
        return b;
    }
    /// In [low, high].
    int number(int low, int high) { return low + static_cast<int>(next()) % (high - low + 1); }
    double rate() { return number(1, 100) / 100.0; }
    template <class T, std::size_t N>
    T one_of(const T (&values)[N]) {
        return values[next() % N];
    }

  private:
    std::span<const std::uint8_t> from_;
};

namespace detail {

using namespace std::chrono_literals;

template <class Window>
duration bucket_of(const config_of<Window>& c) {
    if constexpr (requires { c.window.span; })
        return duration(c.window.bucket_length());
    else
        return 1s;
}

template <class Window>
setup setup_of(bytes& in) {
    config_of<Window> c{};
    if constexpr (requires { c.window.calls; }) {
        c.window.calls = in.number(1, std::is_same_v<Window, small_count_window> ? 12 : 40);
        c.failure_rate = in.rate();
    } else if constexpr (requires { c.window.span; }) {
        c.window.buckets = in.number(1, std::is_same_v<Window, small_time_window> ? 3 : 16);
        c.window.span = in.one_of<duration>({1ns, 10ns, 1ms, 7ms, 1s, 1min}) * c.window.buckets;
        c.failure_rate = in.rate();
    } else {
        c.window.failures = in.number(1, 6);
    }
    const double slow_rate = in.rate();
    if constexpr (Window::by_rate) {
        c.minimum_calls = in.number(1, 12);
        c.slow_call.rate = slow_rate;
    }
    if (in.number(0, 1) == 1) c.slow_call.longer_than = in.one_of<duration>({1ns, 10ns, 1ms, 7ms, 1s, 1min});
    c.open_for = in.one_of<duration>({1ns, 10ns, 1ms, 7ms, 1s, 30s, 24h, 24h * 365});
    const unsigned probes = in.next();
    c.half_open_calls = 1 + static_cast<int>(probes % (probes < 192 ? 5 : 63));
    c.half_open_max_wait = in.one_of<keel::nanos>({1ns, 10ns, 1ms, 7ms, 10s, 24h, keel::longest});
    c.growth.factor = in.one_of({1.0, 1.0, 1.5, 2.0, 10.0, 100.0});
    c.growth.jitter = in.one_of({0.0, 0.0, 0.1, 1.0});
    c.growth.cap = keel::nanos(std::min<duration>(duration(c.open_for) * in.number(1, 50), 24h * 365));
    if constexpr (std::is_same_v<Window, small_count_window>) {
        // Where more failures than have a place would trip it, lower rates are reached by fewer.
        while (c.validate()) {
            c.failure_rate /= 2;
            c.slow_call.rate /= 2;
        }
    }

    setup s{.config = c, .express = in.number(0, 1) == 1};
    const std::int64_t bucket = bucket_of(c).count();
    constexpr std::int64_t wrap = std::int64_t{1} << 32, five_years = 24LL * 365 * 5 * 3'600'000'000'000;
    s.longest_wait = duration(bucket < five_years / (wrap / 2) ? bucket * (wrap / 2) : five_years);
    const std::int64_t epochs = bucket < INT64_MAX / 2 / wrap ? bucket * wrap : bucket * 3;
    s.start = keel::time_point(duration(in.one_of({
        std::int64_t{0}, std::int64_t{1'000'000'007}, (std::int64_t{1} << 58) - bucket * 3, // the word's time wraps
        epochs - bucket * 2,                                                                // a bucket's epoch wraps
        std::int64_t{432'731'335'727'541},       // some days after a machine was started
        std::int64_t{1'800'000'000'000'000'000}, // some decades after 1970
    })));
    return s;
}

/// Durations at which this circuit may do something else.
inline std::array<duration, 12> lengths(const setup& s) {
    return std::visit(
        [](const auto& c) -> std::array<duration, 12> {
            const duration slow = c.slow_call.counts() ? duration(c.slow_call.longer_than) : 1us;
            const duration lease = c.half_open_max_wait < keel::longest ? duration(c.half_open_max_wait) : 1h;
            return {0ns, 1ns, 10ns, bucket_of(c), slow, slow + 1ns, duration(c.open_for), lease, 1ms, 1s, 1h, 24h * 31};
        },
        s.config);
}

} // namespace detail

inline setup setup_of(bytes& in) {
    switch (in.number(0, 4)) {
    case 0:
        return detail::setup_of<count_window>(in);
    case 1:
        return detail::setup_of<small_count_window>(in);
    case 2:
        return detail::setup_of<time_window>(in);
    case 3:
        return detail::setup_of<small_time_window>(in);
    default:
        return detail::setup_of<keel::consecutive_failures>(in);
    }
}

inline std::vector<operation> operations_of(bytes& in, const setup& s) {
    using enum operation::kind;
    // By how often they are wanted.
    static constexpr operation::kind kinds[] = {
        ask,       ask,        ask,          ask,         ask,      ask,       ask,     ask,     succeed, succeed,
        succeed,   succeed,    fail,         fail,        fail,     fail,      drop,    drop,    pass,    pass,
        pass,      pass,       pass,         pass,        miss,     miss,      miss,    miss,    miss,    miss,
        wait,      wait,       wait,         wait,        wait,     wait,      wait,    wait,    wait,    to_period,
        to_period, to_period,  to_period,    to_lease,    to_lease, to_lease,  to_slow, to_slow, to_slow, to_slow,
        to_bucket, to_bucket,  to_bucket,    close,       open,     half_open, reset,   disable, ask,     pass,
        miss,      force_open, metrics_only, metrics_only};
    static_assert(std::size(kinds) == 64);
    const auto lengths = detail::lengths(s);
    std::vector<operation> all;
    while (!in.empty()) {
        operation o{.what = kinds[in.next() % std::size(kinds)]};
        const unsigned argument = in.next();
        if (o.what == wait)
            o.amount = lengths[argument % lengths.size()] * (1 + argument / lengths.size() % 4);
        else if (o.what >= to_period && o.what <= to_bucket)
            o.amount = duration(static_cast<int>(argument % 3) - 1);
        o.which = static_cast<std::uint8_t>(argument / 3);
        all.push_back(o);
    }
    return all;
}

namespace detail {

/// keel's circuit, asked by hand.
template <class Window>
class by_permits {
  public:
    using circuit_type = keel::circuit<Window, keel::manual_clock>;
    using call = typename circuit_type::acquired;
    static constexpr bool leaves_out_successes = false;

    by_permits(const config_of<Window>& c, const keel::manual_clock& clock)
      : circuit(c, clock) {}

    /// How long the call is to wait, where it was refused.
    std::variant<call, duration> ask() {
        call c = circuit.try_acquire();
        if (!c) return c.retry_after();
        return c;
    }
    void end(call& c, naive_circuit::ending e) {
        if (e == naive_circuit::ending::success) c.success();
        if (e == naive_circuit::ending::failure) c.failure();
        if (e == naive_circuit::ending::ignored) static_cast<void>(call(std::move(c)));
    }

    circuit_type circuit;
};

/// The same by the hooks of a breaker: each first by the way of the express lane.
template <class Window>
class by_hooks {
  public:
    using circuit_type = keel::circuit<Window, keel::manual_clock>;
    struct call {
        keel::circuit_permit permit;
        bool express = false;
    };
    // A success that ends no row of failures writes nothing, so the totals do not have it.
    static constexpr bool leaves_out_successes = !Window::by_rate;

    by_hooks(const config_of<Window>& c, const keel::manual_clock& clock)
      : circuit(c, clock)
      , clock_(clock) {
        keel::thread_slots::claim(); // only threads that have one are refused without the cold lane
    }

    std::variant<call, duration> ask() {
        call mine;
        keel::call c = begun();
        mine.express = circuit.try_admit(mine.permit, c, circuit.config());
        if (mine.express) return mine;
        keel::admission a = circuit.try_refuse(c);
        if (a.granted()) a = circuit.admit(mine.permit, c);
        if (!a.granted()) return duration(a.retry_after);
        return mine;
    }
    void end(call& mine, naive_circuit::ending e) {
        keel::call c = begun();
        const bool success = e == naive_circuit::ending::success;
        if (mine.express && success && circuit.try_success(mine.permit, c, circuit.config())) return;
        circuit.settle(mine.permit, c,
                       success                               ? keel::ending::succeeded
                       : e == naive_circuit::ending::failure ? keel::ending::failed
                                                             : keel::ending::ignored);
    }

    circuit_type circuit;

  private:
    keel::call begun() const {
        keel::call c;
        c.turn_at(clock_.now());
        return c;
    }
    keel::manual_clock clock_;
};

template <class Window>
support::naive_config naive_config_of(const config_of<Window>& c) {
    support::naive_config n{.open_for = c.open_for,
                            .probes = static_cast<std::size_t>(c.half_open_calls),
                            .probe_wait = c.half_open_max_wait,
                            .growth = c.growth.factor,
                            .jitter = c.growth.jitter,
                            .longest_grown = c.growth.cap};
    if (c.slow_call.counts()) n.slow_after = c.slow_call.longer_than;
    if constexpr (Window::by_rate) {
        n.minimum = static_cast<std::size_t>(c.minimum_calls);
        n.failure_rate = c.failure_rate;
        n.slow_rate = c.slow_call.rate;
    }
    if constexpr (requires { c.window.calls; }) {
        n.calls = static_cast<std::size_t>(c.window.calls);
        if constexpr (std::is_same_v<Window, small_count_window>) n.remembered = 8; // its places
    } else if constexpr (requires { c.window.span; }) {
        n.counts = support::naive_config::window::last_time;
        n.bucket = bucket_of(c);
        n.buckets = c.window.buckets;
    } else {
        n.counts = support::naive_config::window::in_a_row;
        n.calls = static_cast<std::size_t>(c.window.failures);
    }
    return n;
}

inline std::string text_of(duration d) { return std::to_string(d.count()) + " ns"; }

inline std::string difference_of(const keel::circuit_stats& keels, const keel::circuit_stats& naive) {
    std::string all;
    const auto compare = [&](const char* what, auto one, auto other) {
        if (one != other)
            all += std::string(all.empty() ? "" : ", ") + what + ' ' + std::to_string(one) + " and not " +
                   std::to_string(other);
    };
    if (keels.state != naive.state) all = std::string(name(keels.state)) + " and not " + name(naive.state);
    compare("since", keels.since.time_since_epoch().count(), naive.since.time_since_epoch().count());
    compare("rejected since", keels.rejected, naive.rejected);
    compare("window.calls", keels.window.calls, naive.window.calls);
    compare("window.failed", keels.window.failed, naive.window.failed);
    compare("window.slow", keels.window.slow, naive.window.slow);
    compare("window.slow_failed", keels.window.slow_failed, naive.window.slow_failed);
    // From equal counts, so they must be equal to the last bit.
    compare("failure_rate", keels.failure_rate, naive.failure_rate);
    compare("slow_rate", keels.slow_rate, naive.slow_rate);
    compare("totals.calls", keels.totals.calls, naive.totals.calls);
    compare("totals.successes", keels.totals.successes, naive.totals.successes);
    compare("totals.failures", keels.totals.failures, naive.totals.failures);
    compare("totals.ignored", keels.totals.ignored, naive.totals.ignored);
    compare("totals.slow", keels.totals.slow, naive.totals.slow);
    compare("totals.late", keels.totals.late, naive.totals.late);
    compare("totals.rejected", keels.totals.rejected, naive.totals.rejected);
    compare("totals.opens", keels.totals.opens, naive.totals.opens);
    return all;
}

/// The two circuits, side by side.
template <class Hands>
class pair {
  public:
    template <class Config>
    pair(const Config& config, const support::naive_config& naive, const setup& s, std::string* story)
      : clock_(started(s.start))
      , naive_(naive, s.start)
      , keel_(config, clock_)
      , bucket_(bucket_of(config))
      , left_(s.longest_wait)
      , slow_after_(naive.slow_after)
      , story_(story) {}

    /// What differs; empty where nothing does.
    std::string run(std::span<const operation> operations) {
        std::string wrong = compare();
        for (const operation& o : operations) {
            if (!wrong.empty()) return wrong;
            wrong = run(o);
            if (wrong.empty()) wrong = compare();
        }
        return wrong.empty() ? compare_logs() : wrong;
    }

  private:
    struct call {
        int number;
        typename Hands::call keels;
        naive_circuit::call naive;
    };

    static keel::manual_clock started(keel::time_point t) {
        keel::manual_clock c;
        c.set(t);
        return c;
    }

    std::string run(const operation& o) {
        using enum operation::kind;
        using ending = naive_circuit::ending;
        switch (o.what) {
        case ask:
            return begin();
        case succeed:
            return end(o, ending::success);
        case fail:
            return end(o, ending::failure);
        case drop:
            return end(o, ending::ignored);
        case pass:
        case miss: {
            const std::size_t before = calls_.size();
            std::string wrong = begin();
            if (calls_.size() > before) end(before, o.what == pass ? ending::success : ending::failure);
            return wrong;
        }
        case wait:
            return advance(o.amount);
        case to_period:
            if (naive_.state() == keel::circuit_state::open) advance(naive_.open_until() + o.amount - naive_.now);
            return "";
        case to_lease:
            if (naive_.state() == keel::circuit_state::half_open) advance(naive_.lease_until() + o.amount - naive_.now);
            return "";
        case to_slow:
            if (slow_after_ && !calls_.empty())
                advance(calls_[o.which % calls_.size()]->naive.began + *slow_after_ + o.amount - naive_.now);
            return "";
        case to_bucket:
            return advance(bucket_ - naive_.now.time_since_epoch() % bucket_ + o.amount);
        case close:
            return by_hand("close()", [](auto& c) { c.close(); });
        case open:
            return by_hand("open()", [](auto& c) { c.open(); });
        case half_open:
            return by_hand("half_open()", [](auto& c) { c.half_open(); });
        case force_open:
            return by_hand("force_open()", [](auto& c) { c.force_open(); });
        case disable:
            return by_hand("disable()", [](auto& c) { c.disable(); });
        case metrics_only:
            return by_hand("metrics_only()", [](auto& c) { c.metrics_only(); });
        case reset:
            return by_hand("reset()", [](auto& c) { c.reset(); });
        }
        return "";
    }

    std::string begin() {
        auto asked = keel_.ask();
        const int number = asked_++;
        if (const auto* retry_after = std::get_if<duration>(&asked)) {
            tell("call " + std::to_string(number) + " is refused for " + text_of(*retry_after));
            if (!naive_.may_be_refused()) return "refused and not granted";
            return naive_.refuse(*retry_after) ? "" : "refused for " + text_of(*retry_after);
        }
        tell("call " + std::to_string(number) + " is granted");
        if (!naive_.may_be_granted()) return "granted and not refused";
        calls_.emplace_back(new call{number, std::get<typename Hands::call>(std::move(asked)), naive_.grant()});
        return "";
    }

    std::string end(const operation& o, naive_circuit::ending e) {
        if (!calls_.empty()) end(o.which % calls_.size(), e);
        return "";
    }
    void end(std::size_t i, naive_circuit::ending e) {
        constexpr const char* ends[] = {" succeeds", " fails", " is dropped"};
        tell("call " + std::to_string(calls_[i]->number) + ends[static_cast<std::size_t>(e)]);
        naive_.end(calls_[i]->naive, e);
        keel_.end(calls_[i]->keels, e);
        std::swap(calls_[i], calls_.back());
        calls_.pop_back();
    }

    std::string advance(duration d) {
        if (d < duration(0) || d > left_) return "";
        tell("the clock goes on by " + text_of(d));
        left_ -= d;
        clock_.advance(d);
        naive_.now += d;
        return "";
    }

    template <class Change>
    std::string by_hand(const char* what, Change change) {
        tell(what);
        change(keel_.circuit);
        change(naive_);
        return "";
    }

    std::string compare() const {
        keel::circuit_stats keels = keel_.circuit.stats(), naive = naive_.stats();
        if constexpr (Hands::leaves_out_successes) {
            for (keel::circuit_totals* t : {&keels.totals, &naive.totals})
                t->calls -= std::exchange(t->successes, 0);
        }
        return difference_of(keels, naive);
    }

    std::string compare_logs() const {
        const keel::circuit_log keels = keel_.circuit.log();
        const auto& naive = naive_.log();
        const std::size_t kept = std::min(naive.size(), keel::circuit_log::capacity);
        if (keels.size != kept) return "a log of " + std::to_string(keels.size) + " and not " + std::to_string(kept);
        for (std::size_t i = 0; i < kept; ++i) {
            const keel::circuit_transition &a = keels.entries[i], &b = naive[naive.size() - kept + i];
            if (a.at != b.at || a.from != b.from || a.to != b.to || a.cause != b.cause)
                return std::string("the log says ") + name(a.from) + " to " + name(a.to) + " by " + name(a.cause) +
                       " and not " + name(b.from) + " to " + name(b.to) + " by " + name(b.cause);
        }
        return "";
    }

    void tell(const std::string& what) {
        if (story_ != nullptr) *story_ += "  " + what + '\n';
    }

    keel::manual_clock clock_;
    naive_circuit naive_;
    Hands keel_;
    duration bucket_;
    duration left_;
    std::optional<duration> slow_after_;
    std::vector<std::unique_ptr<call>> calls_; // permits move, but are not assigned
    int asked_ = 0;
    std::string* story_;
};

} // namespace detail

/// How keel's circuit differs from the naive one; empty where it does not. `story` is told what happens. `wrong_by` is
/// added to the naive one's minimum, to see that it is found out.
inline std::string difference_after(const setup& s, std::span<const operation> operations, std::string* story = nullptr,
                                    int wrong_by = 0) {
    return std::visit(
        [&]<class Window>(const config_of<Window>& config) {
            support::naive_config naive = detail::naive_config_of(config);
            naive.minimum += static_cast<std::size_t>(wrong_by);
            if (s.express) return detail::pair<detail::by_hooks<Window>>(config, naive, s, story).run(operations);
            return detail::pair<detail::by_permits<Window>>(config, naive, s, story).run(operations);
        },
        s.config);
}

/// What is left of a sequence that differs when nothing more can be left out.
inline std::vector<operation> shrunk(const setup& s, std::vector<operation> operations, int wrong_by = 0) {
    for (std::size_t piece = operations.size(); piece > 0;) {
        bool shorter = false;
        for (std::size_t at = 0; at < operations.size();) {
            std::vector<operation> less = operations;
            const auto from = less.begin() + static_cast<std::ptrdiff_t>(at);
            less.erase(from, from + static_cast<std::ptrdiff_t>(std::min(piece, less.size() - at)));
            if (difference_after(s, less, nullptr, wrong_by).empty()) {
                at += piece;
            } else {
                operations = std::move(less);
                shorter = true;
            }
        }
        if (!shorter || piece > operations.size()) piece = std::min(piece / 2, operations.size());
    }
    return operations;
}

inline std::string text_of(const setup& s) {
    return std::visit(
        [&]<class Window>(const config_of<Window>& c) {
            using detail::text_of;
            std::string t;
            if constexpr (requires { c.window.calls; })
                t = "the last " + std::to_string(c.window.calls) + " calls";
            else if constexpr (requires { c.window.span; })
                t = "the last " + std::to_string(c.window.buckets) + " buckets of " + text_of(detail::bucket_of(c));
            else
                t = std::to_string(c.window.failures) + " failures in a row";
            if constexpr (Window::by_rate)
                t += ", failure_rate " + std::to_string(c.failure_rate) + ", minimum_calls " +
                     std::to_string(c.minimum_calls);
            if (c.slow_call.counts())
                t += ", slow_call longer_than " + text_of(c.slow_call.longer_than) + " rate " +
                     std::to_string(c.slow_call.rate);
            t += ", open_for " + text_of(c.open_for) + ", half_open_calls " + std::to_string(c.half_open_calls) +
                 ", half_open_max_wait " + text_of(c.half_open_max_wait) + ", growth factor " +
                 std::to_string(c.growth.factor) + " cap " + text_of(c.growth.cap) + " jitter " +
                 std::to_string(c.growth.jitter);
            return t + (s.express ? "; by hooks" : "; by permits") + ", begun at " +
                   text_of(s.start.time_since_epoch());
        },
        s.config);
}

/// The shrunk sequence, to read.
inline std::string story_of(const setup& s, const std::vector<operation>& operations, int wrong_by = 0) {
    std::string told;
    const std::string difference = difference_after(s, operations, &told, wrong_by);
    return text_of(s) + '\n' + told + "keel: " + difference + '\n';
}

} // namespace fuzz
