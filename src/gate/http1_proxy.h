// SPDX-License-Identifier: Apache-2.0

// HTTP/1.1 between a client that is not trusted and the server that its connection was allowed to: each request is
// read, judged, and sent on by itself (RFC 9112).
//
// Request smuggling is impossible by construction. One request is under way at a time. What the server gets is written
// anew from what was judged, its body framed anew by the same length; what the client gets likewise. Nothing of the
// next request is read before the answer to this one is complete, and what the server sends beyond its answer ends the
// connection instead of being taken for the next one.
//
// A request that is not allowed is answered by the gate and is the connection's last. A WebSocket's upgrade is judged
// like any request; then bytes pass both ways. Other upgrades are not passed on: the request is answered as if it had
// not asked for one (RFC 9110, section 7.8).
#pragma once

#include "gate/byte_stream.h"
#include "gate/http_exchange.h"

namespace caisson::gate {

// Until the connection has ended. Never throws for what the ends do. `server` may be null with `no_server`.
asio::awaitable<HttpEnd> serve_http1(ByteStreamPtr client, ByteStreamPtr server, HttpOptions options);

}  // namespace caisson::gate
