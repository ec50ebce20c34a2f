#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "macros.hpp"

#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// Room for one `T`, whose owner knows whether there is one.
///
/// An owner that only ever moves the whole of it, to a room on the stack, where a function gets at it, and back, has no
/// address that a function knows: then compilers keep the rest of the owner in registers, and this in memory.
template <class T>
union room {
    room() noexcept {}
    ~room() {}
    room(const room&) = delete;
    room& operator=(const room&) = delete;

    /// Takes what `from` holds, which holds nothing then.
    KEEL_ALWAYS_INLINE void take(room& from) noexcept {
        std::construct_at(&object, std::move(from.object));
        std::destroy_at(&from.object);
    }

    /// The same where `from` may hold nothing.
    KEEL_ALWAYS_INLINE void take_if(bool holds, room& from) noexcept {
        // All bytes in any case: GCC 12 does not see that what is set and what is read depend on the same thing, and
        // warns that something may be uninitialized.
        if constexpr (std::is_trivially_copyable_v<T>)
            std::memcpy(static_cast<void*>(this), &from, sizeof(*this));
        else if (holds)
            take(from);
    }

    T object;
};

} // namespace keel::detail
