#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace bench {

/// Does nothing. glibc drops the lock prefix of some atomics, and its mutexes' too, as long as a process has one
/// thread.
class second_thread {
  public:
    second_thread()
      : idle_([this](std::stop_token stop) {
          std::unique_lock lock(mutex_);
          wake_.wait(lock, stop, [] { return false; });
      }) {}

  private:
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread idle_;
};

} // namespace bench
