// SPDX-License-Identifier: BSL-1.0
#include "compare.hpp"
#include "random_story.hpp"
#include "stories.hpp"
#include "story.hpp"
#include "support/seed.hpp"
#include "world.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

// Every story of the table under every driver, beside what it says. Then what a seed draws happens around each chain,
// and all drivers are to do the same. Each column that a story is for counts. With an argument only the stories whose
// name contains it. `KEEL_SEED=n` begins with another seed, `KEEL_ROUNDS=n` asks for more of them.

namespace {

using drivers::composed;
using drivers::seen;
using drivers::story;

struct column {
    const char* name;
    composed::play composed::* play;
    bool by_hand = false;
};
constexpr column columns[] = {
    {"blocking, by exception", &composed::blocking_by_exception},
    {"blocking, by expected", &composed::blocking_by_expected},
    {"coroutine, by exception", &composed::coroutine_by_exception},
    {"coroutine, by expected", &composed::coroutine_by_expected},
    {"ticket", &composed::ticket, true},
};

bool is_for(const story& s, const column& c) { return s.chain.*c.play != nullptr; }
std::string in_column(const story& s, const column& c) { return s.name + " (" + c.name + ")"; }

struct tally {
    int passed = 0, failed = 0;

    void count(const std::string& name, const std::string& wrong) {
        ++(wrong.empty() ? passed : failed);
        if (!wrong.empty()) std::printf("%s:\n%s", name.c_str(), wrong.c_str());
    }
};

void test(const story& s, tally& t) {
    std::vector<seen> all;
    for (const column& c : columns) {
        if (!is_for(s, c)) continue;
        all.push_back((s.chain.*c.play)(s));
        t.count(in_column(s, c), difference(s, all.back()) + difference(all.front(), all.back()));
    }
}

std::uint64_t steps_in(const seen& all) {
    std::uint64_t steps = all.calls.size();
    for (const drivers::seen_call& c : all.calls)
        steps += c.tried.size();
    return steps;
}

/// Returns how many calls and attempts that were, in one column.
std::uint64_t test_at_random(const story& around, tally& t) {
    const std::uint64_t first = support::first_seed(), rounds = support::given("KEEL_ROUNDS", 50);
    std::uint64_t steps = 0;
    std::string wrong[std::size(columns)];
    for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
        const bool with_parts = seed % 4 == 0;
        const story s = made_up(around, seed, with_parts);
        std::vector<seen> all;
        for (std::size_t i = 0; i < std::size(columns); ++i) {
            if (!is_for(s, columns[i]) || (columns[i].by_hand && with_parts)) continue;
            all.push_back((s.chain.*columns[i].play)(s));
            const std::string found = difference(all.front(), all.back());
            if (wrong[i].empty() && !found.empty()) wrong[i] = "  KEEL_SEED=" + std::to_string(seed) + "\n" + found;
        }
        steps += steps_in(all.front());
    }
    for (std::size_t i = 0; i < std::size(columns); ++i) {
        if (is_for(around, columns[i])) t.count("at random: " + in_column(around, columns[i]), wrong[i]);
    }
    return steps;
}

composed::play first_column_of(const story& s) {
    for (const column& c : columns) {
        if (is_for(s, c)) return s.chain.*c.play;
    }
    return nullptr;
}

/// That each thing that a story says can turn out otherwise: proof that this test can fail.
void control(const story& told, tally& t) {
    const auto is_seen = [&](auto alter) {
        story other = told;
        alter(other, other.calls.back());
        return !difference(other, first_column_of(other)(other)).empty();
    };
    using drivers::call;
    const bool all =
        is_seen([](story&, call& c) { c.ended += drivers::time(1); }) &&
        is_seen([](story&, call& c) { c.tried.push_back(c.ended); }) &&
        is_seen([](story&, call& c) { c.due.assign(1, drivers::time(1)); }) &&
        is_seen([](story&, call& c) { c.with = c.with == drivers::success ? drivers::failed() : drivers::success; }) &&
        is_seen([](story& s, call&) { s.account += " "; }) && is_seen([](story& s, call&) { s.told.push_back({}); }) &&
        is_seen([](story& s, call&) { s.let_in += "i"; });
    t.count("control: " + told.name, all ? "" : "  something else was not told apart\n");
}
/// And that of what happens at random nothing is the same where it happens at another time.
void control_at_random(const story& around, tally& t) {
    story s = made_up(around, support::first_seed(), false);
    const auto play = first_column_of(s);
    const seen before = play(s);
    s.calls.back().at += std::chrono::hours(1);
    t.count("control at random: " + around.name, difference(before, play(s)).empty() ? "  was not told apart\n" : "");
}

} // namespace

int main(int argc, char** argv) {
    const std::string wanted = argc > 1 ? argv[1] : "";
    std::vector<story> table;
    for (const auto part : {drivers::stories_of_timeouts, drivers::stories_of_retries, drivers::stories_of_circuits,
                            drivers::stories_of_probes, drivers::stories_of_permits, drivers::stories_of_rates,
                            drivers::stories_of_answers, drivers::stages}) {
        for (story& s : part()) {
            if (s.name.find(wanted) != std::string::npos) table.push_back(std::move(s));
        }
    }

    tally t;
    std::uint64_t steps = 0;
    for (const story& s : table) {
        if (!s.calls.empty()) {
            test(s, t);
            control(s, t);
        }
        steps += test_at_random(s, t);
        control_at_random(s, t);
    }
    if (!table.empty() && !is_for(table.back(), columns[2])) std::puts("without coroutines: Boost is older than 1.81");
    std::printf("%zu chains, %llu steps at random\n", table.size(), static_cast<unsigned long long>(steps));
    std::printf("%d passed, %d failed\n", t.passed, t.failed);
    return t.failed == 0 && t.passed > 0 ? 0 : 1;
}
