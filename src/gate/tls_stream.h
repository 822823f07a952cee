// SPDX-License-Identifier: Apache-2.0

// TLS over a byte stream: OpenSSL between two memory buffers, driven by coroutines. TLS 1.2 and later. By ALPN
// HTTP/1.1, where nothing else is said.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/any_io_executor.hpp>
#include <string>
#include <string_view>

#include "gate/byte_stream.h"
#include "link/event.h"

namespace caisson::gate {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeSsl>;

// What OpenSSL says last of what it failed to do; its list of errors is empty behind it.
std::string tls_problem();

// For the gate as a server; each connection is given its certificate. Throws base::Error.
SslContextPtr tls_server_context();
// For the gate as a client that believes the authorities of a PEM file; "": those that the host believes.
SslContextPtr tls_client_context(const std::string& trust_store);
// A connection to this name or address, which the server's certificate must be for.
SslPtr tls_client(SSL_CTX& context, const std::string& host);

// Protocols as ALPN writes them (RFC 7301, section 3.1), the best one first.
inline constexpr std::string_view kAlpnHttp1 = "\x08http/1.1";
inline constexpr std::string_view kAlpnHttp2 = "\x02h2";
inline constexpr std::string_view kAlpnBoth = "\x02h2\x08http/1.1";
// What a client offers.
void offer_protocols(SSL& ssl, std::string_view protocols);
// What a server takes: one of the constants above. A client that offers protocols, and none of these, is told so.
void take_protocols(SSL& ssl, const std::string_view& protocols);

// As for every byte stream: one reader and one writer at a time, which may be different coroutines.
class TlsStream final : public ByteStream {
 public:
  TlsStream(const asio::any_io_executor& executor, ByteStreamPtr below, SslPtr ssl);
  ~TlsStream() override;

  // Before anything else. Throws base::Error with the reason, when the other end was told it (an alert).
  asio::awaitable<void> handshake();
  // What was agreed on by ALPN, "h2" for one; "": nothing.
  std::string protocol() const;

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override;
  asio::awaitable<void> write(std::span<const uint8_t> from) override;
  // close_notify, and the end of the stream below.
  asio::awaitable<void> shutdown_write() override;
  void abort() override { below_->abort(); }
  void close() override { below_->close(); }

 private:
  asio::awaitable<void> receive();
  asio::awaitable<void> flush();
  std::string handshake_problem();

  ByteStreamPtr below_;
  SslPtr ssl_;
  BIO* arrived_;  // owned by ssl_
  BIO* to_send_;
  bool below_ended_ = false;
  bool sending_ = false;
  link::Event sent_;
};

}  // namespace caisson::gate
