// SPDX-License-Identifier: BSL-1.0
// expect: a_temporary_circuit_ends_before_the_pipeline_so_give_it_a_name
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::through(keel::circuit<>{})};
#else
keel::circuit<> payments;
keel::pipeline p{keel::timeout | keel::through(payments)};
#endif
