// SPDX-License-Identifier: BSL-1.0
#include "compare.hpp"

#include "naive.hpp"
#include "settings.hpp"
#include "world.hpp"

#include <keel/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace matrix {
namespace {

constexpr int calls = 40;

/// What stands on both sides up to the first difference, and what each has there.
std::string story(const std::vector<event>& keels, const std::vector<event>& models) {
    const auto [mine, theirs] = std::ranges::mismatch(keels, models);
    std::string text;
    for (auto e = mine - std::min<std::ptrdiff_t>(12, mine - keels.begin()); e != mine; ++e)
        text += "  " + text_of(*e) + "\n";
    text += "  keel:  " + (mine == keels.end() ? "nothing more" : text_of(*mine)) + "\n";
    return text + "  model: " + (theirs == models.end() ? "nothing more" : text_of(*theirs)) + "\n";
}

} // namespace

std::string difference(const entry& tested, const order& as, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<settings> of_each;
    for (std::size_t i = 0; i < tested.chain.size; ++i)
        of_each.push_back(made_up(random));
    // Where the model has another order, each policy keeps its settings.
    std::vector<settings> as_each = of_each;
    if (as != tested.chain) std::ranges::reverse(as_each);

    const script played(seed);
    world ours(played, tested.tells_context), models(played, tested.tells_context);
    const std::unique_ptr<side> keels(tested.make(of_each.data(), ours));
    const auto naive = naive_side(as, as_each.data(), models, seed);
    keel::thread_random().seed(seed);
    for (int i = 0; i < calls; ++i) {
        ours.clock.advance(played.pause_before(i));
        models.clock.advance(played.pause_before(i));
        ours.call();
        models.call();
        if (ours.seen != models.seen) return "call " + std::to_string(i) + "\n" + story(ours.seen, models.seen);
        ours.seen.clear();
        models.seen.clear();
    }
    if (keels->account() == naive->account()) return {};
    return "  keel:  " + keels->account() + "\n  model: " + naive->account() + "\n";
}

} // namespace matrix
