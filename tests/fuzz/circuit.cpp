// SPDX-License-Identifier: BSL-1.0
#include "circuit_operations.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

// Bytes that the fuzzer breeds, as operations on keel's circuit and on the naive one. Where they differ the sequence is
// shrunk and printed. `KEEL_WRONG_BY=1` puts the naive one's minimum off by one, to see that it is found out.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::bytes in(std::span(data, size));
    const fuzz::setup s = fuzz::setup_of(in);
    const std::vector<fuzz::operation> operations = fuzz::operations_of(in, s);
    static const int wrong_by = std::getenv("KEEL_WRONG_BY") != nullptr ? 1 : 0;
    if (fuzz::difference_after(s, operations, nullptr, wrong_by).empty()) return 0;
    std::fputs(fuzz::story_of(s, fuzz::shrunk(s, operations, wrong_by), wrong_by).c_str(), stderr);
    std::abort();
}
