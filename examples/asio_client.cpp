// SPDX-License-Identifier: BSL-1.0

// Fetches a page with coroutines on Boost.Asio and Boost.Beast, behind `timeout | retry | bulkhead | breaker`:
//
//     asio_client [--timeout-ms N] [--attempts N] [--failures N] [--open-ms N] [--permits N] HOST PORT TARGET
//
// Standard input says how many times at once, one number a line; what came of them is one line of output.

#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <exception>
#include <expected>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using std::chrono::milliseconds;

// The statuses that count as failures.
struct status_errors final : std::error_category {
    const char* name() const noexcept override { return "status"; }
    std::string message(int status) const override { return "status " + std::to_string(status); }
} const status_errors;

using status = std::expected<unsigned, std::error_code>;

// Knows nothing of timeouts: what it awaits is cancelled, and its socket closed like any other variable.
asio::awaitable<status> get(const tcp::endpoint& server, const http::request<http::empty_body>& request) {
    constexpr auto quietly = asio::as_tuple(asio::use_awaitable);
    tcp::socket socket(co_await asio::this_coro::executor);
    const auto [refused] = co_await socket.async_connect(server, quietly);
    if (refused) co_return std::unexpected(refused);
    const auto [not_sent, sent] = co_await http::async_write(socket, request, quietly);
    if (not_sent) co_return std::unexpected(not_sent);
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> response;
    const auto [lost, received] = co_await http::async_read(socket, buffer, response, quietly);
    if (lost) co_return std::unexpected(lost);
    const int code = static_cast<int>(response.result_int());
    if (code >= 500) co_return std::unexpected(std::error_code(code, status_errors));
    co_return response.result_int();
}

int run(std::map<std::string, int>& option, const char* host, const char* port, const char* target) {
    keel::pipeline p{
        keel::timeout(milliseconds(option["--timeout-ms"])) |
        keel::retry<keel::exp_jitter>(
            {.attempts = option["--attempts"], .backoff = {.base = milliseconds(1), .cap = milliseconds(20)}}) |
        keel::bulkhead({.permits = option["--permits"], .max_wait = milliseconds(option["--timeout-ms"])}) |
        keel::breaker<keel::consecutive_failures>({.window = {.failures = option["--failures"]},
                                                   .open_for = milliseconds(option["--open-ms"]),
                                                   .half_open_calls = 2})};

    asio::io_context context;
    const tcp::endpoint server = *tcp::resolver(context).resolve(host, port).begin();
    http::request<http::empty_body> request{http::verb::get, target, 11};
    request.set(http::field::host, host);
    request.keep_alive(false);

    long attempts = 0;
    std::map<std::string, long> answers;
    const auto fetch = [&] {
        ++attempts;
        return get(server, request);
    };
    const auto call = [&]() -> asio::awaitable<void> {
        const status answer = co_await keel::async(p, fetch);
        ++answers[answer ? std::to_string(*answer) : answer.error().message()];
    };

    for (int calls = 0; std::cin >> calls;) {
        attempts = 0;
        answers.clear();
        for (int i = 0; i < calls; ++i)
            asio::co_spawn(context, call, asio::detached);
        context.restart();
        context.run();
        std::cout << "calls " << calls << ", attempts " << attempts << ": ";
        for (const auto& [what, how_often] : answers)
            std::cout << how_often << " x " << what << ", ";
        std::cout << "the circuit is " << name(p.circuit().state()) << std::endl;
    }
    return 0;
}

int main(int argc, char** argv) try {
    std::map<std::string, int> options{
        {"--timeout-ms", 1000}, {"--attempts", 3}, {"--failures", 5}, {"--open-ms", 5000}, {"--permits", 8}};
    int i = 1;
    for (; i + 1 < argc && options.contains(argv[i]); i += 2)
        options[argv[i]] = std::stoi(argv[i + 1]);
    if (argc != i + 3) throw std::invalid_argument("needs HOST PORT TARGET");
    return run(options, argv[i], argv[i + 1], argv[i + 2]);
} catch (const std::exception& e) {
    std::cerr << "asio_client: " << e.what() << '\n';
    return 2;
}
