// SPDX-License-Identifier: BSL-1.0

#include "core.hpp"

#include <doctest/doctest.h>
