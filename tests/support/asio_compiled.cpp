// SPDX-License-Identifier: BSL-1.0

// What Asio has that is no template, for programs that are built with BOOST_ASIO_SEPARATE_COMPILATION.
#include <boost/asio/impl/src.hpp>
