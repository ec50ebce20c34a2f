// SPDX-License-Identifier: BSL-1.0

// Fetches URLs with libcurl behind `timeout | retry | breaker`:
//
//     http_client [--timeout-ms N] [--attempts N] [--failures N] [--open-ms N] URL...
//
// In place of a URL, `-` reads URLs from standard input, one a line, and fetches each as it comes.

#include <keel/keel.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <expected>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

using std::chrono::milliseconds;

// libcurl's codes, and from 500 on the statuses that count as failures.
struct fetch_errors final : std::error_category {
    const char* name() const noexcept override { return "fetch"; }
    std::string message(int code) const override {
        return code < 500 ? curl_easy_strerror(static_cast<CURLcode>(code)) : "status " + std::to_string(code);
    }
} const fetch_errors;

class curl_handle { // keeps its connections open from one request to the next
  public:
    std::expected<long, std::error_code> get(const std::string& url, std::chrono::nanoseconds at_most) {
        const auto limit = std::max(std::chrono::floor<milliseconds>(at_most), milliseconds(1));
        curl_easy_setopt(handle_.get(), CURLOPT_URL, url.c_str());
        curl_easy_setopt(handle_.get(), CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle_.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
        curl_easy_setopt(handle_.get(), CURLOPT_WRITEFUNCTION, &discard);
        if (const CURLcode code = curl_easy_perform(handle_.get()); code != CURLE_OK)
            return std::unexpected(std::error_code(code, fetch_errors));
        long status = 0;
        curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
        if (status >= 500) return std::unexpected(std::error_code(static_cast<int>(status), fetch_errors));
        return status;
    }

  private:
    static std::size_t discard(char*, std::size_t size, std::size_t count, void*) { return size * count; }
    std::unique_ptr<CURL, decltype([](CURL* h) { curl_easy_cleanup(h); })> handle_{curl_easy_init()};
};

int run(std::map<std::string, int>& option, const std::vector<std::string>& urls) {
    keel::pipeline p{keel::timeout(milliseconds(option["--timeout-ms"])) |
                     keel::retry<keel::exp_jitter>({.attempts = option["--attempts"],
                                                    .backoff = {.base = milliseconds(1), .cap = milliseconds(20)}}) |
                     keel::breaker<keel::consecutive_failures>({.window = {.failures = option["--failures"]},
                                                                .open_for = milliseconds(option["--open-ms"]),
                                                                .half_open_calls = 2})};
    const auto state = [&] { return name(p.circuit().state()); };
    auto report = [&, last = state()]() mutable {
        const char* now = state();
        if (now != last) std::cout << "circuit: " << last << " -> " << now << std::endl;
        last = now;
    };
    curl_handle curl;
    long calls = 0, successes = 0, failures = 0, rejected = 0, retries = 0; // rejected: not even one attempt was made
    const auto fetch = [&](const std::string& url) {
        int attempts = 0;
        const std::expected<long, std::error_code> status = p([&](const keel::context& c) {
            retries += ++attempts > 1;
            report(); // here a probe sees the circuit half-open
            return curl.get(url, c.remaining());
        });
        report();
        ++calls;
        ++(status ? successes : attempts > 0 ? failures : rejected);
        std::cout << url << " -> " << (status ? std::to_string(*status) : "failed: " + status.error().message())
                  << std::endl;
    };
    for (std::string line; const std::string& url : urls) {
        if (url != "-") fetch(url);
        while (url == "-" && std::getline(std::cin, line))
            fetch(line);
    }
    const double rate = calls == 0 ? 0 : 100.0 * static_cast<double>(successes) / static_cast<double>(calls);
    std::cout << "summary: calls " << calls << ", successes " << successes << ", failures " << failures << ", rejected "
              << rejected << ", retries " << retries << ", success rate " << std::fixed << std::setprecision(1) << rate
              << " %, state " << state() << std::endl;
    return successes == calls ? 0 : 1;
}

int main(int argc, char** argv) try {
    std::map<std::string, int> options{
        {"--timeout-ms", 1000}, {"--attempts", 3}, {"--failures", 5}, {"--open-ms", 5000}};
    int i = 1;
    for (; i + 1 < argc && options.contains(argv[i]); i += 2)
        options[argv[i]] = std::stoi(argv[i + 1]);
    return run(options, {argv + i, argv + argc});
} catch (const std::exception& e) {
    std::cerr << "http_client: " << e.what() << '\n';
    return 2;
}
