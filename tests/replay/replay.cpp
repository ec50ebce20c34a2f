// SPDX-License-Identifier: BSL-1.0
// Drives keel's circuit, and its fixed window of permits, through recorded traces of Resilience4j, and compares state
// and counts after every operation:
//
//     replay FILE... [--skip-flags MASK]
//
// Traces whose flags share a bit with MASK are left out, and so are those that use what keel has on purpose no match
// for; both are counted and named by reason. The last line is `T traces, O operations, M mismatches`; the exit status
// is 1 where M > 0, and 2 where a file can't be read. The format is the one of the traces' own README.

#include "config.hpp"
#include "limiter.hpp"
#include "trace.hpp"

#include <keel/clock/manual_clock.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using replay::record;
using replay::trace;

constexpr unsigned timer_fired = 4 | 8;

struct totals {
    std::size_t traces = 0, operations = 0, mismatches = 0;
    std::map<std::string, std::vector<std::string>> left_out;
};

template <class Window>
class replayed {
  public:
    replayed(const trace& t, const keel::breaker_config<Window>& config)
      : trace_(t)
      , circuit_(config, started(clock_, t)) {}

    /// How many operations end otherwise than recorded.
    std::size_t mismatches() {
        std::size_t found = 0;
        for (std::size_t i = 0; i < trace_.records.size(); ++i) {
            const record& r = trace_.records[i];
            std::string wrong = run(r);
            const keel::circuit_stats s = circuit_.stats();
            wrong += replay::difference_of(s, r);
            if (std::string_view("CHM").find(r.state) != std::string_view::npos && s.rejected != r.refused)
                wrong += " not permitted " + std::to_string(s.rejected) + " instead of " + std::to_string(r.refused);
            if (wrong.empty()) continue;
            if (found++ == 0)
                std::printf("%s, operation %zu `%s`:%s\n", trace_.name.c_str(), i + 1, r.line.c_str(), wrong.c_str());
        }
        return found;
    }

  private:
    using circuit = keel::circuit<Window, keel::manual_clock>;

    static const keel::manual_clock& started(keel::manual_clock& clock, const trace& t) {
        clock.set(keel::time_point(t.start));
        return clock;
    }

    std::string run(const record& r) {
        if (r.op == "A") {
            auto permit = circuit_.try_acquire();
            const bool granted = static_cast<bool>(permit);
            if (granted && r.b == 1) calls_.emplace(r.a, std::move(permit));
            return granted == (r.b == 1) ? "" : granted ? " granted" : " refused";
        }
        if (r.op == "V") {
            clock_.advance(keel::nanos(r.b));
        } else if (r.by_hand()) {
            replay::set_by_hand(circuit_, r.op);
        } else {
            const auto call = calls_.find(r.a);
            if (call == calls_.end()) return " a call that was not granted";
            if (r.op == "S") call->second.success();
            if (r.op == "F") call->second.failure();
            calls_.erase(call); // a release, if neither
        }
        return "";
    }

    const trace& trace_;
    keel::manual_clock clock_;
    circuit circuit_;
    std::map<std::int64_t, typename circuit::acquired> calls_;
};

void replay_one(const trace& t, unsigned skip, totals& sum) {
    std::string reason;
    if ((t.flags & skip) != 0)
        reason = "flags " + std::to_string(t.flags & skip) + " are skipped";
    else if ((t.flags & timer_fired) != 0)
        reason = t.automatic ? "a timer fired, and keel has none" : "the half-open timeout fired, and keel has leases";
    std::size_t mismatches = 0;
    if (reason.empty()) {
        reason = replay::with_config(t, [&]<class Window>(const keel::breaker_config<Window>& config) {
            std::string refused = replay::refused_config(config);
            // Large windows make circuits too large for the stack.
            if (refused.empty()) mismatches = std::make_unique<replayed<Window>>(t, config)->mismatches();
            return refused;
        });
        if (!reason.empty()) reason = "keel's " + reason;
    }
    if (!reason.empty()) {
        sum.left_out[reason].push_back(t.name);
        return;
    }
    sum.mismatches += mismatches;
    ++sum.traces;
    sum.operations += t.records.size();
}

void replay_one(const replay::limiter_trace& t, unsigned skip, totals& sum) {
    std::string reason;
    if ((t.flags & skip) != 0)
        reason = "flags " + std::to_string(t.flags & skip) + " are skipped";
    else if ((t.flags & replay::drained) != 0)
        reason = "permits are drained, and keel's can't be";
    else if (const keel::config_error e = replay::config_of(t).validate())
        reason = std::string("keel's ") + e.field + " " + e.range;
    if (!reason.empty()) {
        sum.left_out[reason].push_back(t.name);
        return;
    }
    sum.mismatches += replay::mismatches_of(t);
    ++sum.traces;
    sum.operations += t.records.size();
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> files;
    unsigned skip = 0;
    bool understood = true;
    const auto set_skip = [&](std::string_view mask) {
        const auto [end, error] = std::from_chars(mask.data(), mask.data() + mask.size(), skip);
        understood = understood && error == std::errc{} && end == mask.data() + mask.size();
    };
    for (int i = 1; i < argc; ++i) {
        const std::string_view given = argv[i];
        if (given == "--skip-flags")
            set_skip(i + 1 < argc ? argv[++i] : "");
        else if (given.starts_with("--skip-flags="))
            set_skip(given.substr(given.find('=') + 1));
        else if (given.starts_with("--"))
            understood = false;
        else
            files.emplace_back(given);
    }
    if (files.empty() || !understood) {
        std::fputs("usage: replay FILE... [--skip-flags MASK]\n", stderr);
        return 2;
    }
    totals sum;
    try {
        for (const std::string& file : files) {
            const replay::contents all = replay::read(file);
            for (const auto& [what, count] : all.others)
                std::printf("%zu left out, %s: neither circuits nor rate limiters\n", count, what.c_str());
            for (const trace& t : all.traces)
                replay_one(t, skip, sum);
            for (const replay::limiter_trace& t : all.limiters)
                replay_one(t, skip, sum);
        }
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 2;
    }
    for (const auto& [reason, names] : sum.left_out) {
        std::printf("%zu left out, %s:", names.size(), reason.c_str());
        for (const std::string& name : names)
            std::printf(" %s", name.c_str());
        std::printf("\n");
    }
    std::printf("%zu traces, %zu operations, %zu mismatches\n", sum.traces, sum.operations, sum.mismatches);
    return sum.mismatches > 0 ? 1 : 0;
}
