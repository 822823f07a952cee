// SPDX-License-Identifier: Apache-2.0

// A file of values that somebody else may have written: what is opened is what was sealed, and what is read of it is
// within its bounds. A file as it is never gets past its digest, so it also gets the right one, as a forger would make
// it; and its bytes are read as what a sealed file held.

#include <sodium.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "secrets/sealed_file.h"
#include "secrets/values.h"

namespace {

using namespace caisson;

constexpr size_t kCostsAt = 17;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string with_digest(std::string file) {
  std::string digest(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(file.data()), file.size(), nullptr, 0);
  return file + digest;
}

// Only a file that costs nothing, or is refused for its costs.
bool is_cheap(std::string_view file) {
  if (file.size() <= kCostsAt + 1) return true;
  const auto passes = static_cast<uint8_t>(file[kCostsAt]);
  const auto memory = static_cast<uint8_t>(file[kCostsAt + 1]);
  return (passes <= 1 && memory <= secrets::kLeastMemoryLog2Kib) || passes > secrets::kMostPasses ||
         memory > secrets::kMostMemoryLog2Kib;
}

template <typename Action>
bool refused(Action action) {
  try {
    action();
    return false;
  } catch (const base::Error&) {
    return true;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const secrets::Value passphrase = secrets::Value::copy_of("passphrase");
  if (is_cheap(text)) {
    require(refused([&] { secrets::unseal(text, passphrase); }));
    require(refused([&] { secrets::unseal(with_digest(text), passphrase); }));
  }
  const secrets::Value plain = secrets::Value::copy_of(text);
  try {
    const secrets::Values values = secrets::decode_values(plain);
    require(values.size() <= secrets::kMostSecrets);
    for (const auto& [name, value] : values) require(!name.empty() && value.size() >= secrets::kMinValueBytes);
    const secrets::Value again = secrets::encode_values(values);
    require(again.size() == plain.size());
  } catch (const base::Error&) {
    // refused, in words
  }
  return 0;
}
