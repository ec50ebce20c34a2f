// SPDX-License-Identifier: BSL-1.0
#include "tables.hpp"

std::span<const matrix::entry> matrix::triples_by_exception() {
    static constexpr auto all = triples_from<by_exception, false, 1>(std::make_index_sequence<triples_of_each>());
    return all;
}
