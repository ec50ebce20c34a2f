#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/keel.hpp>

int fetch(int key);
int hot_raw(int key);
int hot_static(int key);
int hot_stored(int key);
