#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

namespace replay {

inline constexpr int skip = 77;

/// The folder of the recorded traces: `KEEL_TRACES`, or the program's argument. Says so where it is not there.
inline std::optional<std::filesystem::path> folder(int argc, char** argv) {
    const char* given = std::getenv("KEEL_TRACES");
    const std::filesystem::path named = given != nullptr ? given : argc > 1 ? argv[1] : "../shared/traces";
    if (std::filesystem::is_directory(named)) return named;
    std::printf("skipped: there are no recorded traces in %s (KEEL_TRACES names another folder)\n", named.c_str());
    return std::nullopt;
}

/// The recordings in it, by name.
inline std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().filename().string().ends_with(".public.txt")) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

} // namespace replay
