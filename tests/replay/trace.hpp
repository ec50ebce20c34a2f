#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace replay {

/// One recorded step of a circuit breaker of Resilience4j, and what it was like afterwards: the twelve columns of the
/// traces' README.
struct record {
    std::string op;
    std::int64_t a = 0;
    std::int64_t b = 0;
    char state = 'C';
    double failure_rate = -1; // in percent; -1 while there are too few results
    double slow_rate = -1;
    std::int64_t buffered = 0, failed = 0, slow = 0, slow_failed = 0, refused = 0;
    std::int64_t generation = 0;

    bool is_result() const { return op == "S" || op == "F"; }
    bool ends_call() const { return is_result() || op == "R"; }
    std::string text() const {
        return op + " " + std::to_string(a) + " " + std::to_string(b) + " -> " + state + " failures " +
               std::to_string(failed) + "/" + std::to_string(buffered) + " slow " + std::to_string(slow) + " gen " +
               std::to_string(generation);
    }
};

struct trace {
    std::string name; // group#id
    std::string header;
    char window = 'C'; // C: of so many calls; T: of so many seconds
    int size = 0;
    int minimum_calls = 0;
    double failure_rate = 0; // in percent
    int probes = 0;
    std::chrono::nanoseconds open_for{}, half_open_for{};
    std::chrono::nanoseconds start{};
    std::vector<record> records;
};

/// All traces of a file, which is named after its group.
inline std::vector<trace> read(const std::filesystem::path& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("can't read " + file.string());
    const std::string group = file.filename().string().substr(0, file.filename().string().find('.'));
    std::vector<trace> all;
    for (std::string tag; in >> tag;) {
        if (tag != "T") throw std::runtime_error(file.string() + ": a header was expected, and not " + tag);
        trace t;
        std::string id, half_open_to;
        std::int64_t open_for = 0, half_open_for = 0, start = 0, slow_after = 0;
        int automatic = 0, flags = 0;
        std::size_t count = 0;
        double slow_rate = 0;
        in >> id >> t.window >> t.size >> t.minimum_calls >> t.failure_rate >> slow_rate >> slow_after >> t.probes >>
            open_for >> half_open_for >> half_open_to >> automatic >> start >> flags >> count;
        t.name = group + "#" + id;
        t.open_for = std::chrono::nanoseconds(open_for);
        t.half_open_for = std::chrono::nanoseconds(half_open_for);
        t.start = std::chrono::nanoseconds(start);
        t.header = t.name + ": window " + t.window + std::to_string(t.size) + " minimum " +
                   std::to_string(t.minimum_calls) + " rate " + std::to_string(t.failure_rate) + " % probes " +
                   std::to_string(t.probes) + " open " + std::to_string(open_for) + " ns half-open " +
                   std::to_string(half_open_for) + " ns start " + std::to_string(start);
        t.records.resize(count);
        for (record& r : t.records) {
            in >> r.op >> r.a >> r.b >> r.state >> r.failure_rate >> r.slow_rate >> r.buffered >> r.failed >> r.slow >>
                r.slow_failed >> r.refused >> r.generation;
        }
        if (!in) throw std::runtime_error(file.string() + ": " + t.name + " ends too early");
        all.push_back(std::move(t));
    }
    return all;
}

} // namespace replay
