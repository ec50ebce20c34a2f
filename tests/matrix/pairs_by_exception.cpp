// SPDX-License-Identifier: BSL-1.0
#include "tables.hpp"

std::span<const matrix::entry> matrix::pairs_by_exception() {
    static constexpr auto all = all_pairs<by_exception, true>(std::make_index_sequence<policies * policies>());
    return all;
}
