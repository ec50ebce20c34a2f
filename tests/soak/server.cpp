// SPDX-License-Identifier: BSL-1.0
#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace asio = boost::asio;

namespace soak {

namespace {

constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

// Leaves no port behind that can't be used for a minute.
void cut(asio::ip::tcp::socket& s) {
    boost::system::error_code ignored;
    s.set_option(asio::socket_base::linger(true, 0), ignored);
    s.close(ignored);
}

} // namespace

/// A connection that a restart finds.
class server::accepted {
  public:
    accepted(server& by, tcp::socket& s)
      : by_(by)
      , socket_(s) {
        by_.connections_.insert(&socket_);
    }
    accepted(const accepted&) = delete;
    accepted& operator=(const accepted&) = delete;
    ~accepted() { by_.connections_.erase(&socket_); }

  private:
    server& by_;
    tcp::socket& socket_;
};

server::server(std::uint64_t seed)
  : random_(seed)
  , place_(context_, tcp::v4())
  , acceptor_(context_) {
    place_.set_option(tcp::acceptor::reuse_address(true));
    place_.bind({asio::ip::address_v4::loopback(), 0});
    at_ = place_.local_endpoint();
    open();
    asio::co_spawn(context_, change(), asio::detached);
    thread_ = std::jthread([this] { context_.run(); });
}
server::~server() { stop(); }

void server::stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

std::string server::account() const {
    static constexpr const char* names[] = {"answered", "answered late", "refused",    "broke off",
                                            "reset",    "babbled",       "was silent", "restarted"};
    static_assert(std::size(names) == deeds);
    std::string told = "the server";
    for (std::size_t i = 0; i < deeds; ++i)
        told += (i == 0 ? " " : ", ") + std::string(names[i]) + ' ' + std::to_string(done_[i]);
    return told;
}

void server::open() {
    acceptor_.open(at_.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(at_);
    acceptor_.listen();
    asio::co_spawn(context_, listen(), asio::detached);
}

asio::awaitable<void> server::listen() {
    for (;;) {
        auto [failed, socket] = co_await acceptor_.async_accept(quietly);
        if (!acceptor_.is_open()) co_return;
        if (!failed) asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
    }
}

asio::awaitable<void> server::serve(tcp::socket from) {
    const accepted here(*this, from);
    for (std::string heard;;) {
        const auto [failed, length] =
            co_await asio::async_read_until(from, asio::dynamic_buffer(heard, 64), '\n', quietly);
        if (failed) break;
        // A variable: GCC 12 compiles a condition that awaits into something else.
        const bool goes_on = co_await answer(from, heard.substr(0, length));
        if (!goes_on) break;
        heard.erase(0, length);
    }
    cut(from);
}

/// Whether it goes on listening.
asio::awaitable<bool> server::answer(tcp::socket& to, const std::string& question) {
    const bool behaves = std::uniform_real_distribution<>()(random_) >= trouble_;
    const deed what = behaves ? deed::answers : static_cast<deed>(draw(1, deeds - 2));
    ++done_[static_cast<std::size_t>(what)];
    std::string said = (what == deed::refuses ? "no " : "ok ") + question;
    switch (what) {
    case deed::dawdles:
        co_await pause(1, 40);
        break;
    case deed::breaks_off:
        said.resize(2);
        break;
    case deed::babbles:
        said.resize(static_cast<std::size_t>(draw(1, 60)));
        for (char& c : said)
            c = static_cast<char>(draw(-128, 127));
        break;
    case deed::falls_silent:
    case deed::resets:
        said.clear();
        break;
    default:
        break;
    }
    const auto [failed, written] = co_await asio::async_write(to, asio::buffer(said), quietly);
    if (what == deed::breaks_off) to.close(); // politely, other than `cut`
    co_return !failed && what != deed::resets && what != deed::breaks_off;
}

asio::awaitable<void> server::change() {
    static constexpr double troubles[] = {0, 0.02, 0.1, 0.5, 1};
    for (;;) {
        trouble_ = troubles[draw(0, std::size(troubles) - 1)];
        co_await pause(20, 300);
        if (draw(0, 3) == 0) co_await restart();
    }
}

asio::awaitable<void> server::restart() {
    ++done_[static_cast<std::size_t>(deed::restarts)];
    acceptor_.close();
    for (tcp::socket* s : connections_)
        cut(*s);
    co_await pause(0, 100);
    open();
}

asio::awaitable<void> server::pause(int from_ms, int to_ms) {
    asio::steady_timer timer(context_, std::chrono::milliseconds(draw(from_ms, to_ms)));
    co_await timer.async_wait(asio::use_awaitable);
}

} // namespace soak
