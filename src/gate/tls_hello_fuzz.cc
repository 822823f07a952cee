// SPDX-License-Identifier: Apache-2.0

// Any bytes as the beginning of a connection: all at once and one by one they are understood the same way, and nothing
// is read past the bound.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gate/tls_hello.h"

namespace caisson::gate {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::string_view bytes) {
  ClientHelloReader whole;
  whole.feed(bytes);
  ClientHelloReader pieces;
  for (size_t i = 0; i < bytes.size(); ++i) pieces.feed(bytes.substr(i, 1));
  if (bytes.size() >= ClientHelloReader::kMaxBytes) require(whole.state() != ClientHelloReader::State::kNeedMore);
  require(whole.problem().empty() == (whole.state() != ClientHelloReader::State::kMalformed));
  if (whole.state() == ClientHelloReader::State::kHello) {
    require(!whole.hello().server_name || !whole.hello().server_name->empty());
    require(pieces.hello().server_name == whole.hello().server_name && pieces.hello().alpn == whole.hello().alpn &&
            pieces.hello().ech == whole.hello().ech);
  }
  // One byte at a time a hello can be complete before the rest of its record has come; it is refused in both cases.
  require(pieces.state() == whole.state());
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::gate::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
