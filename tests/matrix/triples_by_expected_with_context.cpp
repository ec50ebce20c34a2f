// SPDX-License-Identifier: BSL-1.0
#include "tables.hpp"

std::span<const matrix::entry> matrix::triples_by_expected_with_context() {
    static constexpr auto all = triples_from<by_expected, true, 2>(std::make_index_sequence<triples_of_each>());
    return all;
}
