// SPDX-License-Identifier: BSL-1.0
// expect: keel: a call that is driven by hand has no value that chaos could inject
#include <expected>
#include <keel/keel.hpp>
#include <system_error>

#if defined(MISTAKE)
keel::pipeline p{keel::chaos({.rate = 0.5}).result([] { return -1; })};
#else
keel::pipeline p{keel::chaos({.rate = 0.5}).result([]() -> std::expected<void, std::error_code> {
    return std::unexpected(std::make_error_code(std::errc::io_error));
})};
#endif
void run() {
    if (auto t = p.begin()) t.success();
}
