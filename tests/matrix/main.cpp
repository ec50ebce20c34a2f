// SPDX-License-Identifier: BSL-1.0
#include "compare.hpp"
#include "facts.hpp"
#include "kinds.hpp"
#include "support/seed.hpp"
#include "tables.hpp"

#include <keel/detail/macros.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <utility>

// Every ordered pair of policies, and some hundred triples, beside the model of nested semantics. With an argument only
// the chains whose text contains it; with `--facts` what docs/composition.md says of pairs in figures. `KEEL_SEED=n`
// begins with another round, `KEEL_ROUNDS=n` asks for more of them.

namespace {

struct tally {
    int passed = 0, failed = 0;

    void count(const std::string& name, const std::string& wrong) {
        ++(wrong.empty() ? passed : failed);
        if (!wrong.empty()) std::printf("%s: %s\n", name.c_str(), wrong.c_str());
    }
};

std::string difference_in_any_round(const matrix::entry& e, const matrix::order& as) {
    const std::uint64_t first = support::first_seed(), rounds = support::given("KEEL_ROUNDS", 30);
    for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
        const std::string wrong = matrix::difference(e, as, seed);
        if (!wrong.empty()) return "KEEL_SEED=" + std::to_string(seed) + ", " + wrong;
    }
    return {};
}

void test(std::span<const matrix::entry> all, const char* wanted, tally& t) {
    for (const matrix::entry& e : all) {
        const std::string name = matrix::text_of(e.chain) + ", " + e.channel;
        if (wanted != nullptr && name.find(wanted) == std::string::npos) continue;
        const bool starves = matrix::starves({e.chain.begin(), e.chain.end()});
        if (e.make != nullptr)
            t.count(name, starves ? "compiles" : difference_in_any_round(e, e.chain));
        else
            t.count(name, starves ? "" : "does not compile");
    }
}

/// That the model can tell each order from the other one: proof that this test can fail.
void control(std::span<const matrix::entry> pairs, tally& t) {
    for (const matrix::entry& e : pairs) {
        matrix::order swapped = e.chain;
        std::swap(swapped.kinds[0], swapped.kinds[1]);
        if (e.make == nullptr || swapped == e.chain) continue;
        const bool told = !difference_in_any_round(e, swapped).empty();
        t.count("control: " + matrix::text_of(e.chain), told ? "" : "was not told from the other order");
    }
}

#if KEEL_HAS_EXCEPTIONS
void print_facts() {
    for (const matrix::entry& pair : matrix::pairs_by_expected())
        std::printf("%s; %s\n", matrix::text_of(pair.chain).c_str(), matrix::facts_of(pair).c_str());
}
void explain(tally& t) {
    for (const matrix::entry& pair : matrix::pairs_by_expected())
        t.count("explain: " + matrix::text_of(pair.chain), matrix::unexplained(pair));
}
#endif

} // namespace

int main(int argc, char** argv) {
#if KEEL_HAS_EXCEPTIONS
    if (argc > 1 && std::strcmp(argv[1], "--facts") == 0) return print_facts(), 0;
#endif
    const char* wanted = argc > 1 ? argv[1] : nullptr;
    tally t;
    test(matrix::pairs_by_expected(), wanted, t);
    test(matrix::triples_by_expected(), wanted, t);
#if KEEL_HAS_EXCEPTIONS
    test(matrix::triples_by_expected_with_context(), wanted, t);
    test(matrix::pairs_by_exception(), wanted, t);
    test(matrix::triples_by_exception(), wanted, t);
    test(matrix::triples_by_exception_with_context(), wanted, t);
    if (wanted == nullptr) explain(t);
#endif
    if (wanted == nullptr) control(matrix::pairs_by_expected(), t);
    std::printf("%d passed, %d failed\n", t.passed, t.failed);
    return t.failed == 0 && t.passed > 0 ? 0 : 1;
}
