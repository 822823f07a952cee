// SPDX-License-Identifier: Apache-2.0

// Takes the connections of a listening socket for as long as this process lives.
#pragma once

#include <functional>

#include "base/fd.h"
#include "guest/waiting.h"

namespace caisson::guest {

// `listener` does not block. Never returns; whatever accept4(2) fails with is waited out, since the socket may stay
// readable meanwhile, and an init that tried again at once would do nothing else.
asio::awaitable<void> accept_for_ever(asio::any_io_executor executor, base::Fd listener,
                                      std::function<void(base::Fd connection)> take);

}  // namespace caisson::guest
