// SPDX-License-Identifier: Apache-2.0

// A bundle of authorities, of which the image's own part may be anything. What comes out is a JKS file: as many entries
// as it says, each a DER sequence of the length that it says, and a checksum.

#include <cstdlib>
#include <string_view>

#include "guest/java_store.h"

namespace caisson::guest {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Store {
  std::string_view left;

  std::string_view take(size_t count) {
    require(count <= left.size());
    const std::string_view taken = left.substr(0, count);
    left.remove_prefix(count);
    return taken;
  }
  size_t number(size_t bytes) {
    size_t value = 0;
    for (const char byte : take(bytes)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
};

void check(std::string_view bundle) {
  const std::string made = java_store(bundle);
  Store store{made};
  require(store.number(4) == 0xFEEDFEED);
  require(store.number(4) == 2);
  for (size_t entries = store.number(4); entries > 0; --entries) {
    require(store.number(4) == 2);
    require(store.take(store.number(2)).starts_with("authority-"));
    store.take(8);
    require(store.take(store.number(2)) == "X.509");
    const std::string_view certificate = store.take(store.number(4));
    require(certificate.size() > 1 && certificate[0] == '\x30');
  }
  require(store.left.size() == 20);
  // With the option it is as with it twice.
  const std::string options = with_java_store(bundle, kJavaStore);
  require(with_java_store(options, kJavaStore) == options);
}

}  // namespace
}  // namespace caisson::guest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::guest::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
