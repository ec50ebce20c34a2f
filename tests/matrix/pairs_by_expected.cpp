// SPDX-License-Identifier: BSL-1.0
#include "tables.hpp"

std::span<const matrix::entry> matrix::pairs_by_expected() {
    static constexpr auto all = all_pairs<by_expected, false>(std::make_index_sequence<policies * policies>());
    return all;
}
