#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <algorithm>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
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
    std::uint64_t buffered = 0, failed = 0, slow = 0, slow_failed = 0, refused = 0;
    std::int64_t generation = 0;
    std::string line; // as it was read

    bool is_result() const { return op == "S" || op == "F"; }
    bool ends_call() const { return is_result() || op == "R"; }
    bool by_hand() const { return op[0] == 'M'; }
};

struct trace {
    std::string name; // group#id
    std::string header;
    char window = 'C'; // C: of so many calls; T: of so many seconds
    int size = 0;
    int minimum_calls = 0;
    double failure_rate = 0, slow_rate = 0; // in percent
    std::chrono::nanoseconds slow_after{};
    int probes = 0;
    std::chrono::nanoseconds open_for{}, half_open_for{}; // the second 0 where there is no limit
    char half_open_to = 'O';
    bool automatic = false;
    std::chrono::nanoseconds start{};
    unsigned flags = 0;
    std::vector<record> records;
};

/// One recorded step of a rate limiter of Resilience4j, and what it was like afterwards.
struct limiter_record {
    char op = 'A';
    std::int64_t x = 0; // A, R: permits; V: nanoseconds
    std::int64_t y = 0; // A: whether they were granted; R: nanoseconds to wait, or -1
    std::int64_t available = 0, wait = 0, cycle = 0;
    std::string line; // as it was read
};

struct limiter_trace {
    std::string name; // group#id
    int limit = 0;
    std::chrono::nanoseconds period{}, max_wait{}, start{};
    unsigned flags = 0;
    std::vector<limiter_record> records;
};

struct contents {
    std::vector<trace> traces;
    std::vector<limiter_trace> limiters;
    std::map<std::string, std::size_t> others; // recordings of what is neither, by what they are of
};

namespace detail {

/// The lines of a file and their words, for errors that say where they were found.
class lines {
  public:
    explicit lines(const std::filesystem::path& file)
      : file_(file)
      , in_(file) {
        if (!in_ || std::filesystem::is_directory(file)) throw std::runtime_error(file.string() + ": can't be read");
    }

    /// The next one that is neither empty nor a comment.
    bool next() {
        while (std::getline(in_, line_)) {
            ++number_;
            while (!line_.empty() && (line_.back() == '\r' || line_.back() == ' '))
                line_.pop_back();
            if (line_.empty() || line_[0] == '#') continue;
            words_.clear();
            for (std::string_view rest = line_; !rest.empty();) {
                const std::size_t end = std::min(rest.find(' '), rest.size());
                if (end > 0) words_.push_back(rest.substr(0, end));
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
            return true;
        }
        return false;
    }
    std::string_view kind() const { return words_[0]; }
    const std::string& text() const { return line_; }

    void require_words(std::size_t count) const {
        if (words_.size() != count)
            wrong("has " + std::to_string(words_.size()) + " columns and not " + std::to_string(count));
    }
    std::string_view word(std::size_t i) const { return words_[i]; }
    char letter(std::size_t i, std::string_view of) const {
        if (words_[i].size() != 1 || of.find(words_[i][0]) == of.npos)
            wrong("column " + std::to_string(i + 1) + " is `" + std::string(words_[i]) + "` and none of " +
                  std::string(of));
        return words_[i][0];
    }
    template <class Number>
    Number number(std::size_t i, Number least, Number most) const {
        Number n{};
        const char* const end = words_[i].data() + words_[i].size();
        const auto [stop, error] = std::from_chars(words_[i].data(), end, n);
        // A rate that is not a number lies outside of nothing.
        if (error != std::errc{} || stop != end || n < least || n > most)
            wrong("column " + std::to_string(i + 1) + " is `" + std::string(words_[i]) + "`, no number that fits");
        return n;
    }
    template <std::integral Number>
    Number number(std::size_t i, Number least = 0) const {
        return number<Number>(i, least, std::numeric_limits<Number>::max());
    }
    double rate(std::size_t i) const {
        return number<double>(i, std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max());
    }
    std::chrono::nanoseconds time(std::size_t i) const { return std::chrono::nanoseconds(number<std::int64_t>(i)); }

    [[noreturn]] void wrong(const std::string& what) const {
        throw std::runtime_error(file_.string() + ":" + std::to_string(number_) + ": " + what);
    }

  private:
    std::filesystem::path file_;
    std::ifstream in_;
    std::string line_;
    std::vector<std::string_view> words_;
    std::size_t number_ = 0;
};

inline record read_record(const lines& in) {
    constexpr std::string_view known[] = {"A", "S", "F", "R", "V", "MF", "MD", "MM", "MC", "MR", "MO", "MH"};
    if (std::ranges::find(known, in.kind()) == std::end(known))
        in.wrong("`" + std::string(in.kind()) + "` is no operation");
    in.require_words(12);
    record r{.op = std::string(in.kind()),
             .a = in.number<std::int64_t>(1, -1),
             .b = in.number<std::int64_t>(2),
             .state = in.letter(3, "COHFDM"),
             .failure_rate = in.rate(4),
             .slow_rate = in.rate(5),
             .line = in.text()};
    std::uint64_t* const counts[] = {&r.buffered, &r.failed, &r.slow, &r.slow_failed, &r.refused};
    for (std::size_t i = 0; i < std::size(counts); ++i)
        *counts[i] = in.number<std::uint64_t>(6 + i);
    r.generation = in.number<std::int64_t>(11);
    return r;
}

inline limiter_record read_limiter_record(const lines& in) {
    if (in.kind() != "A" && in.kind() != "R" && in.kind() != "V" && in.kind() != "D")
        in.wrong("`" + std::string(in.kind()) + "` is no operation of a rate limiter");
    in.require_words(6);
    return {.op = in.kind()[0],
            .x = in.number<std::int64_t>(1),
            .y = in.number<std::int64_t>(2, -1),
            .available = in.number<std::int64_t>(3, std::numeric_limits<std::int64_t>::min()),
            .wait = in.number<std::int64_t>(4),
            .cycle = in.number<std::int64_t>(5),
            .line = in.text()};
}

} // namespace detail

/// All that a file holds. Its group, which names the traces, is the file's name up to the first dot. Throws
/// `std::runtime_error` with file and line.
inline contents read(const std::filesystem::path& file) {
    const std::string name = file.filename().string();
    const std::string group = name.substr(0, name.find('.'));
    contents all;
    detail::lines in(file);
    while (in.next()) {
        if (in.kind() == "E" || in.kind() == "J") {
            ++all.others["backoffs"];
        } else if (in.kind() == "L") {
            in.require_words(8);
            limiter_trace t{
                .name = group + "#" + std::string(in.word(1)),
                .limit = in.number<int>(2),
                .period = in.time(3),
                .max_wait = in.time(4),
                .start = std::chrono::nanoseconds(in.number<std::int64_t>(5, std::numeric_limits<std::int64_t>::min())),
                .flags = in.number<unsigned>(6),
                .records = {}};
            for (auto left = in.number<std::size_t>(7); left > 0; --left) {
                if (!in.next()) in.wrong(t.name + " ends too early");
                t.records.push_back(detail::read_limiter_record(in));
            }
            all.limiters.push_back(std::move(t));
        } else if (in.kind() == "T") {
            in.require_words(16);
            trace t{.name = group + "#" + std::string(in.word(1)),
                    .header = in.text(),
                    .window = in.letter(2, "CT"),
                    .size = in.number<int>(3),
                    .minimum_calls = in.number<int>(4),
                    .failure_rate = in.rate(5),
                    .slow_rate = in.rate(6),
                    .slow_after = in.time(7),
                    .probes = in.number<int>(8),
                    .open_for = in.time(9),
                    .half_open_for = in.time(10),
                    .half_open_to = in.letter(11, "OC"),
                    .automatic = in.letter(12, "01") == '1',
                    .start = in.time(13),
                    .flags = in.number<unsigned>(14),
                    .records = {}};
            for (auto left = in.number<std::size_t>(15); left > 0; --left) {
                if (!in.next()) in.wrong(t.name + " ends too early");
                t.records.push_back(detail::read_record(in));
            }
            all.traces.push_back(std::move(t));
        } else {
            in.wrong("a trace was expected, and not `" + std::string(in.kind()) + "`");
        }
    }
    return all;
}

} // namespace replay
