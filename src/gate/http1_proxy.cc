// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_proxy.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "gate/http1_connection.h"

namespace caisson::gate {

asio::awaitable<HttpEnd> serve_http1(ByteStreamPtr client, ByteStreamPtr server, HttpOptions options) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto connection =
      std::make_shared<Http1Connection>(executor, std::move(client), std::move(server), std::move(options));
  if (connection->has_server()) asio::co_spawn(executor, Http1Connection::responses(connection), asio::detached);
  co_await connection->requests();
  co_return connection->ended();
}

}  // namespace caisson::gate
