#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/context.hpp>

/// One healthy path whose instructions are counted: a call of `fetch` with something around it.
struct path {
    const char* name;
    int (*call)(int key, void* guard);
    void* guard; ///< what `call` gets; null where it knows its object by name
};
const path* find_path(const char* name);

/// The user's function, in a translation unit of its own.
int fetch(int key);
/// The same, told of its call.
int fetch(int key, const keel::context& c);
