// SPDX-License-Identifier: BSL-1.0
// Drives keel's circuit through recorded traces of Resilience4j, and compares state and counts after every operation:
//
//     replay FILE... [--skip-flags MASK]
//
// Traces whose flags share a bit with MASK are left out, and so are those that use what keel has on purpose no match
// for; both are counted and named by reason. The last line is `T traces, O operations, M mismatches`; the exit status
// is 1 where M > 0, and 2 where a file can't be read. The format is the one of the traces' own README.

#include <keel/keel.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using keel::nanos;

constexpr unsigned timer_fired = 4 | 8;

struct header {
    std::string id;
    char window = 0;
    int size = 0, minimum_calls = 0;
    double failure_rate = 0, slow_rate = 0;
    std::int64_t slow_after = 0;
    int permits = 0;
    std::int64_t wait = 0, max_half_open = 0;
    char half_open_to = 0;
    int automatic = 0;
    std::int64_t start = 0;
    unsigned flags = 0;
    std::size_t operations = 0;
};

struct operation {
    std::string name;
    std::int64_t a = 0, b = 0;
    char state = 0;
    double failure_rate = 0, slow_rate = 0;
    std::uint64_t buffered = 0, failed = 0, slow = 0, slow_failed = 0, not_permitted = 0;
    std::int64_t generation = 0;
    std::string line;
};

struct trace {
    header head;
    std::vector<operation> operations;
};

struct totals {
    std::size_t traces = 0, operations = 0, mismatches = 0;
    std::map<std::string, std::vector<std::string>> left_out;
};

constexpr char letter(keel::circuit_state s) {
    constexpr char letters[] = {'C', 'O', 'H', 'F', 'D', 'M'};
    return letters[static_cast<std::size_t>(s)];
}

[[noreturn]] void malformed(const std::string& file, std::size_t line) {
    throw std::runtime_error(file + ":" + std::to_string(line) + ": malformed");
}

std::vector<trace> read(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error(file + ": can't be read");
    std::vector<trace> all;
    std::string line;
    std::size_t number = 0;
    while (std::getline(in, line)) {
        ++number;
        if (line.empty() || line[0] == '#') continue;
        std::istringstream words(line);
        std::string kind;
        words >> kind;
        if (kind == "T") {
            header h;
            words >> h.id >> h.window >> h.size >> h.minimum_calls >> h.failure_rate >> h.slow_rate >> h.slow_after >>
                h.permits >> h.wait >> h.max_half_open >> h.half_open_to >> h.automatic >> h.start >> h.flags >>
                h.operations;
            if (!words || (!all.empty() && all.back().operations.size() != all.back().head.operations))
                malformed(file, number);
            all.push_back({h, {}});
        } else {
            operation o{.name = kind, .line = line};
            words >> o.a >> o.b >> o.state >> o.failure_rate >> o.slow_rate >> o.buffered >> o.failed >> o.slow >>
                o.slow_failed >> o.not_permitted >> o.generation;
            if (!words || all.empty()) malformed(file, number);
            all.back().operations.push_back(o);
        }
    }
    if (!all.empty() && all.back().operations.size() != all.back().head.operations) malformed(file, number);
    return all;
}

template <class Window>
class replayed {
  public:
    replayed(const trace& t, const Window& window)
      : trace_(t)
      , clock_(started_at(t.head.start))
      , circuit_(configured(t.head, window), clock_) {}

    /// How many operations end otherwise than recorded.
    std::size_t mismatches() {
        std::size_t found = 0;
        for (std::size_t i = 0; i < trace_.operations.size(); ++i) {
            const operation& o = trace_.operations[i];
            std::string wrong = run(o);
            wrong += difference(o);
            if (wrong.empty()) continue;
            if (found++ == 0)
                std::cout << "trace " << trace_.head.id << ", operation " << i + 1 << " `" << o.line << "`:" << wrong
                          << '\n';
        }
        return found;
    }

  private:
    using circuit = keel::circuit<Window, keel::manual_clock>;

    static keel::manual_clock started_at(std::int64_t ns) {
        keel::manual_clock c;
        c.set(keel::time_point(std::chrono::nanoseconds(ns)));
        return c;
    }
    static keel::breaker_config<Window> configured(const header& h, const Window& window) {
        keel::breaker_config<Window> c{};
        c.window = window;
        c.failure_rate = h.failure_rate / 100;
        c.minimum_calls = h.minimum_calls;
        c.slow_call = {.longer_than = nanos(h.slow_after), .rate = h.slow_rate / 100};
        c.open_for = nanos(h.wait);
        c.half_open_calls = h.permits;
        // 0 is "none" there.
        c.half_open_max_wait = h.max_half_open == 0 ? keel::longest : nanos(h.max_half_open);
        c.growth.jitter = 0;
        return c;
    }

    std::string run(const operation& o) {
        if (o.name == "A") {
            auto permit = circuit_.try_acquire();
            const bool granted = static_cast<bool>(permit);
            if (granted && o.b == 1) calls_.emplace(o.a, std::move(permit));
            return granted == (o.b == 1) ? "" : granted ? " granted" : " refused";
        }
        if (o.name == "V") {
            clock_.advance(nanos(o.b));
        } else if (o.name == "MF") {
            circuit_.force_open();
        } else if (o.name == "MD") {
            circuit_.disable();
        } else if (o.name == "MM") {
            circuit_.metrics_only();
        } else if (o.name == "MC") {
            circuit_.close();
        } else if (o.name == "MR") {
            circuit_.reset();
        } else if (o.name == "MO") {
            circuit_.open();
        } else if (o.name == "MH") {
            circuit_.half_open();
        } else {
            const auto call = calls_.find(o.a);
            if (call == calls_.end()) return " a call that was not granted";
            if (o.name == "S") call->second.success();
            if (o.name == "F") call->second.failure();
            calls_.erase(call); // a release, if neither
        }
        return "";
    }

    std::string difference(const operation& o) const {
        const keel::circuit_stats s = circuit_.stats();
        std::string wrong;
        const auto expect = [&](const char* what, auto is, auto recorded) {
            if (is == recorded) return;
            std::ostringstream text;
            text << ' ' << what << ' ' << is << " instead of " << recorded;
            wrong += text.str();
        };
        expect("state", letter(s.state), o.state);
        if (std::strchr("CHM", o.state) == nullptr) return wrong;
        expect("buffered", s.window.calls, o.buffered);
        expect("failed", s.window.failed, o.failed);
        expect("slow", s.window.slow, o.slow);
        expect("slow failed", s.window.slow_failed, o.slow_failed);
        expect("not permitted", s.rejected, o.not_permitted);
        // The recording has -1 below the minimum, and single precision.
        if (o.failure_rate >= 0 && std::abs(100 * s.failure_rate - o.failure_rate) > 1e-4)
            expect("failure rate", 100 * s.failure_rate, o.failure_rate);
        if (o.slow_rate >= 0 && std::abs(100 * s.slow_rate - o.slow_rate) > 1e-4)
            expect("slow rate", 100 * s.slow_rate, o.slow_rate);
        return wrong;
    }

    const trace& trace_;
    keel::manual_clock clock_;
    circuit circuit_;
    std::map<std::int64_t, typename circuit::acquired> calls_;
};

std::string reason_to_leave_out(const header& h, unsigned skip) {
    if ((h.flags & skip) != 0) return "flags " + std::to_string(h.flags & skip) + " are skipped";
    if (h.automatic != 0) return "half-open by a timer: keel has none";
    if ((h.flags & timer_fired) != 0) return "the half-open timeout fired: keel has leases";
    return "";
}

void replay(const trace& t, unsigned skip, totals& sum) {
    if (const std::string reason = reason_to_leave_out(t.head, skip); !reason.empty()) {
        sum.left_out[reason].push_back(t.head.id);
        return;
    }
    // Every failure of the largest window has its place, so that the counts are exact also where nothing trips.
    using count_window = keel::basic_sliding_window<{.shards = 1, .failures = 4096}>;
    using time_window = keel::basic_sliding_time_window<{.shards = 1, .buckets = 4096}>;
    sum.mismatches +=
        t.head.window == 'C'
            ? replayed<count_window>(t, {.calls = t.head.size}).mismatches()
            : replayed<time_window>(t, {.span = std::chrono::seconds(t.head.size), .buckets = t.head.size})
                  .mismatches();
    ++sum.traces;
    sum.operations += t.operations.size();
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> files;
    unsigned skip = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--skip-flags") == 0 && i + 1 < argc)
            skip = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 0));
        else
            files.emplace_back(argv[i]);
    }
    if (files.empty()) {
        std::cerr << "replay FILE... [--skip-flags MASK]\n";
        return 2;
    }
    totals sum;
    try {
        for (const std::string& file : files) {
            for (const trace& t : read(file))
                replay(t, skip, sum);
        }
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return 2;
    }
    for (const auto& [reason, ids] : sum.left_out) {
        std::cout << ids.size() << " left out, " << reason << ':';
        for (const std::string& id : ids)
            std::cout << ' ' << id;
        std::cout << '\n';
    }
    std::cout << sum.traces << " traces, " << sum.operations << " operations, " << sum.mismatches << " mismatches\n";
    return sum.mismatches > 0 ? 1 : 0;
}
