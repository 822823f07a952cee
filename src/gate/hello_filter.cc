// SPDX-License-Identifier: Apache-2.0

#include "gate/hello_filter.h"

#include "base/error.h"
#include "base/text.h"
#include "gate/host_name.h"

namespace caisson::gate {

asio::awaitable<std::span<const uint8_t>> HelloFilter::pass(link::Way way, std::span<const uint8_t> bytes) {
  co_await budget_.spend(bytes.size());
  if (decided_ || way == link::Way::kToStream) co_return bytes;
  co_return look_at(bytes);
}

std::span<const uint8_t> HelloFilter::look_at(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  kept_ += text;
  switch (reader_.feed(text)) {
    case ClientHelloReader::State::kNeedMore:
      return {};
    case ClientHelloReader::State::kMalformed:
      object("its TLS ClientHello is malformed: " + base::escaped(reader_.problem()));
      break;
    case ClientHelloReader::State::kHello:
      check(reader_.hello());
      break;
    case ClientHelloReader::State::kNotTls:
      break;
  }
  decided_ = true;
  return {reinterpret_cast<const uint8_t*>(kept_.data()), kept_.size()};
}

void HelloFilter::check(const ClientHello& hello) {
  if (!hello.server_name) {
    if (rules_.hidden == Hidden::kRefused) object("its TLS ClientHello names no server (SNI)");
    return;
  }
  if (normal_name(*hello.server_name) != rules_.name)
    object("its TLS ClientHello names " + base::in_quotes(*hello.server_name) + " (SNI)");
  if (hello.ech && rules_.hidden == Hidden::kRefused)
    object("its TLS ClientHello may hide another name (Encrypted Client Hello); switch that off in the client");
}

void HelloFilter::object(std::string why) {
  objection_ = std::move(why);
  throw base::Error(objection_);
}

}  // namespace caisson::gate
