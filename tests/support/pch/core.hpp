// SPDX-License-Identifier: BSL-1.0

// Compiled once for the programs that include it by themselves, header by header, in each of their files.

#include <keel/keel.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>
