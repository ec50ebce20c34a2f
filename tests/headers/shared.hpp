#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/keel.hpp>

// One pipeline for both units, and the addresses that each of them sees.
inline constexpr auto shared_chain = keel::timeout | keel::breaker<keel::sliding_window>;
inline keel::pipeline shared_pipeline{shared_chain};

struct seen {
    const void* pipeline;
    const void* timeout;
    const void* breaker;

    bool operator==(const seen&) const = default;
};
inline seen see() { return {&shared_pipeline, &keel::timeout, &keel::breaker<keel::sliding_window>}; }

seen seen_by_b();
int call_in_b(int value);
bool refused_in_b();
