#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <expected>
#include <utility>

namespace support {

/// The shape of `std::expected`, and not the type: no `std::unexpect`, no assignment from an error.
template <class T, class X>
struct look_alike {
    using value_type = T;
    using error_type = X;
    using unexpected_type = std::unexpected<X>;

    look_alike(T v)
      : inside(std::move(v)) {}
    look_alike(unexpected_type x)
      : inside(std::move(x)) {}
    bool has_value() const { return inside.has_value(); }
    const T& operator*() const& { return *inside; }
    T&& operator*() && { return *std::move(inside); }
    const X& error() const& { return inside.error(); }
    X&& error() && { return std::move(inside).error(); }

  private:
    std::expected<T, X> inside;
};

/// As above, made from the bare error.
template <class T, class X>
struct plain_look_alike {
    using value_type = T;
    using error_type = X;

    plain_look_alike(T v)
      : inside(std::move(v)) {}
    plain_look_alike(X x)
      : inside(std::unexpect, std::move(x)) {}
    bool has_value() const { return inside.has_value(); }
    const T& operator*() const { return *inside; }
    const X& error() const { return inside.error(); }

  private:
    std::expected<T, X> inside;
};

} // namespace support
