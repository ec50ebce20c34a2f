#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <expected>
#include <system_error>

namespace bench {

[[gnu::noinline]] int work(int n);
[[gnu::noinline]] std::expected<int, std::error_code> failing_work(int n);
[[gnu::noinline]] int throwing_work(int n);

} // namespace bench
