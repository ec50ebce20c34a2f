// SPDX-License-Identifier: BSL-1.0
// expect: a_temporary_bulkhead_ends_before_the_pipeline_so_give_it_a_name
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::through(keel::shared_bulkhead<>{})};
#else
keel::shared_bulkhead<> database;
keel::pipeline p{keel::timeout | keel::through(database)};
#endif
