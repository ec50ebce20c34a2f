#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/config.hpp>

#include <string>

namespace support {

/// What is said of the configuration that `make` puts to use, or "accepted".
template <class Make>
std::string config_message(Make make) {
    try {
        make();
    } catch (const keel::invalid_config& e) {
        return e.what();
    }
    return "accepted";
}

} // namespace support
