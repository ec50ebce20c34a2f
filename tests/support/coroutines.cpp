// SPDX-License-Identifier: BSL-1.0
#include "coroutines.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <utility>

namespace support {

started::started(asio::io_context& in, body b) {
    asio::co_spawn(in, std::move(b), asio::bind_cancellation_slot(signal_.slot(), ending{*this}));
}

started::started(const asio::any_io_executor& on, body b) { asio::co_spawn(on, std::move(b), ending{*this}); }

} // namespace support
