// SPDX-License-Identifier: BSL-1.0
#include "circuit_operations.hpp"
#include "circuit_setup.hpp"
#include "circuit_story.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

// Bytes that the fuzzer breeds, as operations on keel's circuit and on the naive one. Where they differ the sequence is
// shrunk and printed. `KEEL_FLAW=minimum` or `=overdue` makes the naive one wrong, to see that it is found out.

namespace {
fuzz::flaw given() {
    const char* value = std::getenv("KEEL_FLAW");
    const std::string_view name = value != nullptr ? value : "";
    return name == "minimum" ? fuzz::flaw::minimum : name == "overdue" ? fuzz::flaw::overdue : fuzz::flaw::none;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::bytes in(std::span(data, size));
    fuzz::setup s = fuzz::setup_of(in);
    const std::vector<fuzz::operation> operations = fuzz::operations_of(in, s);
    static const fuzz::flaw wrong = given();
    if (fuzz::difference_after(s, operations, nullptr, wrong).empty()) return 0;
    const std::vector<fuzz::operation> shortest = fuzz::shrunk(s, operations, wrong);
    std::fputs(fuzz::story_of(s, shortest, wrong).c_str(), stderr);
    std::abort();
}
