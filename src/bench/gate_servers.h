// SPDX-License-Identifier: Apache-2.0

// What the benchmark's servers share.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>

#include "base/fd.h"
#include "link/descriptor.h"

namespace caisson::bench {

namespace asio = boost::asio;

using DescriptorPtr = std::shared_ptr<link::Descriptor>;
using Handler = std::function<asio::awaitable<void>(DescriptorPtr)>;

// Accepts without end; what a connection throws ends it.
asio::awaitable<void> accept_all(asio::any_io_executor executor, base::Fd listener, Handler handler);

}  // namespace caisson::bench
