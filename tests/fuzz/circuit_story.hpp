#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "circuit_operations.hpp"
#include "circuit_pair.hpp"
#include "circuit_setup.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// Sequences in which keel's circuit differs from the naive one, as short as they get.

namespace fuzz {

/// What the naive circuit is made to get wrong, to see that it is found out: its minimum is greater by one, or its
/// calls are overdue an eighth of the limit too late.
enum class flaw : std::uint8_t { none, minimum, overdue };

/// How keel's circuit differs from the naive one; empty where it does not. `story` is told what happens. `wrong` is
/// what the naive one gets wrong.
inline std::string difference_after(const setup& s, std::span<const operation> operations, std::string* story = nullptr,
                                    flaw wrong = flaw::none) {
    return std::visit(
        [&]<class Window>(const config_of<Window>& config) {
            support::naive_config naive = detail::naive_config_of(config);
            naive.minimum += wrong == flaw::minimum;
            naive.eighths += wrong == flaw::overdue;
            if (s.express) return detail::pair<detail::by_hooks<Window>>(config, naive, s, story).run(operations);
            return detail::pair<detail::by_permits<Window>>(config, naive, s, story).run(operations);
        },
        s.config);
}

/// What is left of a sequence that differs when nothing more can be left out; nor the generations before it, if they
/// need not be.
inline std::vector<operation> shrunk(setup& s, std::vector<operation> operations, flaw wrong = flaw::none) {
    setup plain = s;
    plain.before_wrap = 0;
    if (!difference_after(plain, operations, nullptr, wrong).empty()) s = plain;
    for (std::size_t piece = operations.size(); piece > 0;) {
        bool shorter = false;
        for (std::size_t at = 0; at < operations.size();) {
            std::vector<operation> less = operations;
            const auto from = less.begin() + static_cast<std::ptrdiff_t>(at);
            less.erase(from, from + static_cast<std::ptrdiff_t>(std::min(piece, less.size() - at)));
            if (difference_after(s, less, nullptr, wrong).empty()) {
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

/// The shrunk sequence, to read.
inline std::string story_of(const setup& s, const std::vector<operation>& operations, flaw wrong = flaw::none) {
    std::string told;
    const std::string difference = difference_after(s, operations, &told, wrong);
    return text_of(s) + '\n' + told + "keel: " + difference + '\n';
}

} // namespace fuzz
