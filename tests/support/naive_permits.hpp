#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

namespace support {

/// Permits and a line of those who wait for one, for one thread, as one would explain it.
class naive_permits {
  public:
    explicit naive_permits(std::size_t permits, std::size_t places)
      : free_(permits)
      , places_(places) {}

    enum class entry { took_permit, in_line, line_is_full };

    bool try_take() {
        if (free_ == 0 || !line_.empty()) return false;
        --free_;
        return true;
    }
    /// Who waits is known by a name.
    entry enter(int name) {
        if (try_take()) return entry::took_permit;
        if (line_.size() == places_) remove_those_who_left();
        if (line_.size() == places_) return entry::line_is_full;
        line_.push_back({name, false});
        return entry::in_line;
    }
    /// Whoever gets a permit by this.
    std::vector<int> give_back() {
        ++free_;
        std::vector<int> got;
        while (free_ > 0 && !line_.empty()) {
            if (!line_.front().left) {
                got.push_back(line_.front().name);
                --free_;
            }
            line_.pop_front();
        }
        return got;
    }
    void leave(int name) {
        std::ranges::find(line_, name, &one::name)->left = true;
        remove_those_who_left();
    }

    std::size_t free() const { return free_; }
    std::size_t waiting() const { return line_.size(); }
    std::size_t ahead_of(int name) const {
        return static_cast<std::size_t>(std::ranges::find(line_, name, &one::name) - line_.begin());
    }

  private:
    struct one {
        int name;
        bool left;
    };
    void remove_those_who_left() {
        while (!line_.empty() && line_.front().left)
            line_.pop_front();
    }

    std::size_t free_;
    std::size_t places_;
    std::deque<one> line_;
};

} // namespace support
