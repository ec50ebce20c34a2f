#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace order_gateway {

enum class verdict : std::uint8_t { done, bad_price, busy };

// Both ends are on one machine, so these travel as they lie in memory.
struct request {
    std::uint64_t sequence = 0; ///< 0, 1, 2 ... of what its desk has sent: every message has one of its own
    std::int64_t sent_at = 0;   ///< nanoseconds of the steady clock
    std::int64_t price = 0;     ///< above 0
    std::uint32_t quantity = 0;
    std::uint16_t slot = 0; ///< of the desk, where it keeps the ticket
    std::uint16_t desk = 0;
};
// All but the verdict comes back from the request.
struct answer {
    std::uint64_t sequence = 0;
    std::int64_t sent_at = 0;
    std::int64_t price = 0;
    std::uint16_t slot = 0;
    std::uint16_t desk = 0;
    order_gateway::verdict verdict{};
    std::array<std::uint8_t, 3> unused{};
};
static_assert(std::has_unique_object_representations_v<request> && std::has_unique_object_representations_v<answer>);

/// One end of a TCP connection, which never blocks. Belongs to one thread at a time. Throws `std::system_error`.
class connection {
  public:
    explicit connection(int socket)
      : socket_(socket) {
        const int on = 1;
        check(::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
        check(::fcntl(socket_, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
    }
    connection(connection&& from) noexcept
      : socket_(std::exchange(from.socket_, -1)) {}
    connection& operator=(connection&&) = delete;
    ~connection() {
        if (socket_ >= 0) ::close(socket_);
    }

    template <class Message>
    void send(const Message& message) {
        std::size_t gone = 0;
        while (gone != sizeof message) {
            const ssize_t n =
                ::send(socket_, reinterpret_cast<const char*>(&message) + gone, sizeof message - gone, MSG_NOSIGNAL);
            if (n >= 0)
                gone += static_cast<std::size_t>(n);
            else if (errno == EAGAIN) // there is room for more than can be in flight, unless the other end is stuck
                std::this_thread::yield();
            else
                check(errno == EINTR ? 0 : -1, "send");
        }
    }
    /// Reads once, and hands every whole message that is there to `take`. Whether there was one.
    template <class Message, class F>
    bool receive(F take) {
        const ssize_t n = ::recv(socket_, unread_.data() + size_, unread_.size() - size_, 0);
        if (n <= 0) {
            is_closed_ = n == 0;
            check(n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1, "recv");
            return false;
        }
        size_ += static_cast<std::size_t>(n);
        std::size_t read = 0;
        for (; size_ - read >= sizeof(Message); read += sizeof(Message)) {
            Message message;
            std::memcpy(&message, unread_.data() + read, sizeof message);
            take(message);
        }
        std::memmove(unread_.data(), unread_.data() + read, size_ - read);
        size_ -= read;
        return read != 0;
    }
    bool is_closed() const noexcept { return is_closed_; }

    static void check(int result, const char* what) {
        if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    }

  private:
    int socket_;
    bool is_closed_ = false; // by the other end
    std::size_t size_ = 0;
    std::array<char, 4096> unread_;
};

/// Both ends of a connection over the loopback device.
inline std::pair<connection, connection> connected() {
    const auto socket = [] {
        const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        connection::check(s, "socket");
        return s;
    };
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const at = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;

    const int listening = socket();
    const struct closing {
        int s;
        ~closing() { ::close(s); }
    } closes{listening};
    connection::check(::bind(listening, at, size), "bind"); // to port 0, which finds a free one
    connection::check(::listen(listening, 1), "listen");
    connection::check(::getsockname(listening, at, &size), "getsockname");
    const int near = socket();
    const int result = ::connect(near, at, size);
    if (result < 0) ::close(near);
    connection::check(result, "connect");
    connection here(near);
    const int far = ::accept(listening, nullptr, nullptr);
    connection::check(far, "accept");
    return {std::move(here), connection(far)};
}

} // namespace order_gateway
