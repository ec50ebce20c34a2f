#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <thread>

namespace soak {

/// A server on the loopback that nobody should rely on. It answers `n` with `ok n`, or does something else; how often,
/// changes every now and then, and so does whether it is there at all. Runs in a thread of its own.
class server {
  public:
    explicit server(std::uint64_t seed);
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    boost::asio::ip::tcp::endpoint endpoint() const noexcept { return at_; }
    /// How often it has done what, once it has been stopped.
    void stop();
    std::string account() const;

  private:
    using tcp = boost::asio::ip::tcp;
    class accepted;
    enum class deed : std::uint8_t { answers, dawdles, refuses, breaks_off, resets, babbles, falls_silent, restarts };
    static constexpr std::size_t deeds = 8;

    boost::asio::awaitable<void> listen();
    boost::asio::awaitable<void> serve(tcp::socket from);
    boost::asio::awaitable<bool> answer(tcp::socket& to, const std::string& question);
    boost::asio::awaitable<void> change();
    boost::asio::awaitable<void> restart();
    boost::asio::awaitable<void> pause(int from_ms, int to_ms);
    void open();
    int draw(int from, int to) { return std::uniform_int_distribution(from, to)(random_); }

    std::mt19937_64 random_;
    double trouble_ = 0; ///< the share of requests that it does not just answer
    std::array<std::uint64_t, deeds> done_{};
    std::set<tcp::socket*> connections_;
    boost::asio::io_context context_{1};
    tcp::acceptor place_; ///< keeps the port while nobody listens: connections are refused then, whoever tries
    tcp::acceptor acceptor_;
    tcp::endpoint at_;
    std::jthread thread_;
};

} // namespace soak
