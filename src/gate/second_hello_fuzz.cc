// SPDX-License-Identifier: Apache-2.0

// Any bytes behind a ClientHello: all at once and one by one the same is found at the same place, and what is found is
// a record of the handshake. The first byte says whether there may be early data (its lowest bit), and how many bytes
// are none of what is scanned.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gate/second_hello.h"
#include "gate/tls_records.h"

namespace caisson::gate {
namespace {

using Found = SecondHelloScan::Found;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Scanned {
  Found found = Found::kNotYet;
  size_t passed = 0;  // bytes
};

// As much at a time as `step`; what is not passed is given again.
Scanned scan(std::string_view bytes, uint8_t how, size_t step) {
  SecondHelloScan scan((how & 1) != 0);
  scan.skip(how >> 1);
  Scanned scanned;
  for (size_t end = 0; end < bytes.size() && scan.found() == Found::kNotYet;) {
    end += std::min(step, bytes.size() - end);
    const std::string_view kept = bytes.substr(scanned.passed, end - scanned.passed);
    const size_t passed = scan.next(kept);
    require(passed <= kept.size());
    scanned.passed += passed;
  }
  scanned.found = scan.found();
  return scanned;
}

void check(std::string_view input) {
  if (input.empty()) return;
  const auto how = static_cast<uint8_t>(input[0]);
  const std::string_view bytes = input.substr(1);
  const Scanned whole = scan(bytes, how, bytes.size());
  const Scanned pieces = scan(bytes, how, 1);
  require(whole.found == pieces.found && whole.passed == pieces.passed);
  if (whole.found != Found::kNotYet) require(whole.passed >= size_t{how} >> 1);
  if (whole.found != Found::kHello) return;
  const std::string_view record = bytes.substr(whole.passed);
  require(byte_at(record, 0) == kHandshakeRecord && byte_at(record, kRecordHeaderBytes) == kClientHelloType);
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::gate::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
