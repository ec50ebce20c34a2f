#pragma once
// SPDX-License-Identifier: BSL-1.0

namespace support {

/// One more in a count, as long as it lives.
class counted {
  public:
    explicit counted(int& in) noexcept
      : in_(in) {
        ++in_;
    }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --in_; }

  private:
    int& in_;
};

} // namespace support
