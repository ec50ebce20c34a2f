// SPDX-License-Identifier: BSL-1.0
// expect: keel: each caller gets a copy of the result, so it must be copyable: use a std::shared_ptr to what is not
#include <keel/coalesce.hpp>

#include <memory>

#if defined(MISTAKE)
keel::coalesce<int, std::unique_ptr<int>> flights;
#else
keel::coalesce<int, std::shared_ptr<int>> flights;
#endif
