// SPDX-License-Identifier: BSL-1.0
// expect: what_is_piped_here_is_not_a_policy_which_has_admit_and_settle
#include <keel/keel.hpp>

#if defined(MISTAKE)
struct half_a_policy {
    struct frame {};
    keel::admission admit(keel::call&, frame&) const { return keel::proceed; }
};
constexpr auto c = half_a_policy{} | keel::timeout;
#else
struct whole_policy {
    struct frame {};
    keel::admission admit(keel::call&, frame&) const { return keel::proceed; }
    keel::verdict settle(keel::call&, frame&, auto&) const { return keel::verdict::keep(); }
};
constexpr auto c = whole_policy{} | keel::timeout;
#endif
