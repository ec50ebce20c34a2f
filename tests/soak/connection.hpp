#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <expected>
#include <string>
#include <system_error>

namespace soak {

/// To the server, made when it is needed, and used again as long as nothing went wrong. For one question at a time.
class connection {
    using tcp = boost::asio::ip::tcp;

  public:
    using answer = std::expected<unsigned, std::error_code>;

    connection(const boost::asio::any_io_executor& on, const tcp::endpoint& server)
      : socket_(on)
      , server_(server) {}

    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    const tcp::endpoint& server() const noexcept { return server_; }

    /// In a coroutine.
    boost::asio::awaitable<answer> ask() {
        constexpr auto quietly = boost::asio::as_tuple(boost::asio::use_awaitable);
        const struct exchange {
            connection& over;
            ~exchange() { over.end(); }
        } now{*this};
        begin();
        if (!socket_.is_open()) {
            const auto [failed] = co_await socket_.async_connect(server_, quietly);
            if (failed) co_return std::unexpected(failed);
        }
        const auto [not_sent, sent] = co_await boost::asio::async_write(socket_, boost::asio::buffer(said_), quietly);
        if (not_sent) co_return std::unexpected(not_sent);
        const auto [lost, length] =
            co_await boost::asio::async_read_until(socket_, boost::asio::dynamic_buffer(heard_, 64), '\n', quietly);
        if (lost) co_return std::unexpected(lost);
        co_return understood();
    }

    /// By callbacks, which end with `then(answer)` unless they are destroyed before.
    template <class Then>
    void ask(const Then& then) {
        begin();
        go_on(socket_.is_open() ? stage::say : stage::connect, {}, then);
    }
    /// Ends what is under way, with `operation_aborted`.
    void cancel() {
        boost::system::error_code ignored;
        socket_.cancel(ignored);
    }

  private:
    enum class stage { connect, say, hear, understand };

    template <class Then>
    void go_on(stage next, boost::system::error_code failed, const Then& then) {
        const auto and_then = [this, then](stage after) {
            return [this, then, after](boost::system::error_code e, auto&&...) { go_on(after, e, then); };
        };
        const auto end_with = [this, then](const answer& a) {
            end();
            then(a);
        };
        if (failed) return end_with(std::unexpected(failed));
        switch (next) {
        case stage::connect:
            return socket_.async_connect(server_, and_then(stage::say));
        case stage::say:
            return boost::asio::async_write(socket_, boost::asio::buffer(said_), and_then(stage::hear));
        case stage::hear:
            return boost::asio::async_read_until(socket_, boost::asio::dynamic_buffer(heard_, 64), '\n',
                                                 and_then(stage::understand));
        case stage::understand:
            return end_with(understood());
        }
    }

    void begin() {
        said_ = std::to_string(++number_) + '\n';
        heard_.clear();
        is_in_step_ = false;
    }
    answer understood() {
        if (heard_ != "ok " + said_) return std::unexpected(std::make_error_code(std::errc::bad_message));
        is_in_step_ = true;
        return number_;
    }
    /// Whatever else may still come is no answer to the next question.
    void end() {
        if (is_in_step_) return;
        boost::system::error_code ignored;
        socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored); // or the ports run out
        socket_.close(ignored);
    }

    tcp::socket socket_;
    tcp::endpoint server_;
    unsigned number_ = 0;
    bool is_in_step_ = false;
    std::string said_, heard_;
};

} // namespace soak
