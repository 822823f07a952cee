// SPDX-License-Identifier: Apache-2.0

#include "gate/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <vector>

#include "base/scope.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

constexpr size_t kRecordBytes = 16U << 10;
constexpr size_t kReadBytes = kRecordBytes + 512;  // a whole record with its header and tag, mostly

BIO* new_buffer() {
  BIO* buffer = BIO_new(BIO_s_mem());
  if (buffer == nullptr) throw std::bad_alloc();
  // An empty buffer means "later", not the end.
  BIO_set_mem_eof_return(buffer, -1);
  return buffer;
}

}  // namespace

std::string tls_problem() {
  const unsigned long code = ERR_peek_last_error();  // NOLINT(google-runtime-int)
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "TLS failed" : reason;
  ERR_clear_error();
  return text;
}

TlsStream::TlsStream(const asio::any_io_executor& executor, ByteStreamPtr below, SslPtr ssl)
    : below_(std::move(below)), ssl_(std::move(ssl)), arrived_(new_buffer()), to_send_(new_buffer()), sent_(executor) {
  SSL_set_bio(ssl_.get(), arrived_, to_send_);
}

TlsStream::~TlsStream() = default;

asio::awaitable<void> TlsStream::handshake() {
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), done);
    std::string problem;
    if (done != 1 && error != SSL_ERROR_WANT_READ) problem = handshake_problem();
    // Where it failed, this is the alert.
    co_await flush();
    if (!problem.empty()) throw base::Error(problem);
    if (done == 1) co_return;
    if (below_ended_) throw base::Error("the connection ended within the TLS handshake");
    co_await receive();
  }
}

std::string TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsStream::handshake_problem() {
  std::string reason = tls_problem();
  const long verified = SSL_get_verify_result(ssl_.get());  // NOLINT(google-runtime-int)
  if (verified == X509_V_OK) return reason;
  return std::string("its certificate is not accepted: ") + X509_verify_cert_error_string(verified);
}

asio::awaitable<size_t> TlsStream::read_some(std::span<uint8_t> into) {
  for (;;) {
    ERR_clear_error();
    size_t got = 0;
    const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
    const int error = SSL_get_error(ssl_.get(), done);
    std::string problem;
    if (done != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN) problem = tls_problem();
    // Reading can make something to send: an alert, an answer to a key update.
    if (BIO_ctrl_pending(to_send_) != 0) co_await flush();
    if (done == 1) co_return got;
    if (error == SSL_ERROR_ZERO_RETURN) co_return 0;
    if (!problem.empty()) throw base::Error(problem);
    // An end without close_notify may be anybody's doing, and what came may be a part.
    if (below_ended_) throw base::Error("the connection ended without the end of TLS");
    co_await receive();
  }
}

asio::awaitable<void> TlsStream::write(std::span<const uint8_t> from) {
  while (!from.empty()) {
    const std::span<const uint8_t> part = from.first(std::min(from.size(), kRecordBytes));
    ERR_clear_error();
    size_t put = 0;
    if (SSL_write_ex(ssl_.get(), part.data(), part.size(), &put) != 1) throw base::Error(tls_problem());
    from = from.subspan(put);
    co_await flush();
  }
}

asio::awaitable<void> TlsStream::shutdown_write() {
  ERR_clear_error();
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
  co_await flush();
  co_await below_->shutdown_write();
}

asio::awaitable<void> TlsStream::receive() {
  std::array<uint8_t, kReadBytes> bytes;
  const size_t got = co_await below_->read_some(bytes);
  below_ended_ = got == 0;
  if (got != 0 && BIO_write(arrived_, bytes.data(), static_cast<int>(got)) != static_cast<int>(got))
    throw std::bad_alloc();
}

// One coroutine at a time sends; another that has something to send waits for it, so that the writer of the stream is
// held up by a reader at the other end that does not read.
asio::awaitable<void> TlsStream::flush() {
  while (sending_) co_await sent_.wait();
  sending_ = true;
  const base::Scope sent([this] {
    sending_ = false;
    sent_.notify_all();
  });
  for (size_t pending = BIO_ctrl_pending(to_send_); pending != 0; pending = BIO_ctrl_pending(to_send_)) {
    std::vector<uint8_t> bytes(std::min(pending, 2 * kRecordBytes));
    const int got = BIO_read(to_send_, bytes.data(), static_cast<int>(bytes.size()));
    if (got <= 0) co_return;
    const std::span<const uint8_t> part = std::span<const uint8_t>(bytes).first(static_cast<size_t>(got));
    co_await below_->write(part);
  }
}

}  // namespace caisson::gate
