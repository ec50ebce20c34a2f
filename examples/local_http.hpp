#pragma once
// SPDX-License-Identifier: BSL-1.0

// As much of HTTP as the examples need: a server in this process and a client, over TCP on the loopback interface.

#include <keel/context.hpp>
#include <keel/error.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <cstddef>
#include <expected>
#include <functional>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <utility>

namespace local_http {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using http::status;
using request = http::request<http::empty_body>;
using response = http::response<http::string_body>;
using answer = std::expected<response, std::error_code>;

inline request get() { return {http::verb::get, "/", 11}; }

inline response reply(status s, std::string_view text) {
    response r(s, 11);
    r.body() = text;
    r.prepare_payload();
    return r;
}

/// A header's value, empty if there is none.
template <class Message>
std::string_view header(const Message& m, const char* name) {
    const auto found = m[name]; // not a std::string_view, and not in each version of Boost made from one or into one
    return {found.data(), found.size()};
}
template <class Message>
void set_header(Message& m, const char* name, std::string_view value) {
    m.set(name, {value.data(), value.size()});
}

/// Answers one request at a time, on a thread of its own and a port that is free.
class server {
  public:
    explicit server(std::function<response(const request&)> handle)
      : handle_(std::move(handle))
      , thread_([this] { serve(); }) {}
    ~server() { ::shutdown(acceptor_.native_handle(), SHUT_RD); } // fails accept()

    tcp::endpoint address() const { return acceptor_.local_endpoint(); }

  private:
    void serve() {
        boost::system::error_code over;
        for (tcp::socket client(io_); acceptor_.accept(client, over), !over; client.close()) {
            boost::beast::flat_buffer buffer;
            request asked;
            boost::system::error_code broken; // which the client finds out too
            http::read(client, buffer, asked, broken);
            if (!broken) http::write(client, handle_(asked), broken);
        }
    }

    boost::asio::io_context io_;
    tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::function<response(const request&)> handle_;
    std::jthread thread_;
};

/// Waits for the answer until the deadline of the call, at most.
inline answer ask(const tcp::endpoint& whom, const request& what, const keel::context& call) {
    boost::asio::io_context io;
    boost::beast::tcp_stream stream(io);
    stream.expires_at(call.deadline());
    boost::beast::flat_buffer buffer;
    response answered;
    boost::system::error_code failed;
    stream.async_connect(whom, [&](auto connecting) {
        failed = connecting;
        if (failed) return;
        http::async_write(stream, what, [&](auto writing, std::size_t) {
            failed = writing;
            if (failed) return;
            http::async_read(stream, buffer, answered, [&](auto reading, std::size_t) { failed = reading; });
        });
    });
    io.run();
    if (failed == boost::beast::error::timeout) return std::unexpected(make_error_code(keel::errc::timed_out));
    if (failed) return std::unexpected(std::error_code(failed));
    return answered;
}

} // namespace local_http
