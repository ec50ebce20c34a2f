// SPDX-License-Identifier: BSL-1.0

// Asio counts the owners of an executor by a release, and an acquiring fence by the last one, which the sanitizer of
// threads does not understand (boost/asio/detail/atomic_count.hpp): to it the deletion races with the other owners.
// Only that sanitizer asks for this.
extern "C" const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() { return "race:shared_target_executor::impl<*>::~impl\n"; }
