// SPDX-License-Identifier: Apache-2.0

// The file of values that a passphrase seals. Its bytes, in this order:
//
//   16  "caisson secrets\n"
//    1  version, 1
//    1  passes of Argon2id (crypto_pwhash), 1 to 16
//    1  its memory: 2 to this power KiB, 3 to 20
//   16  its salt
//   24  nonce
//    …  the values (values.h), encrypted and authenticated by XChaCha20-Poly1305 (crypto_aead) with the key that
//       Argon2id makes of the passphrase; all that stands before is authenticated with them
//   32  BLAKE2b-256 (crypto_generichash) of all that stands before
//
// The digest needs no key: it tells a file that was damaged from a wrong passphrase, and is no protection. Who changes
// a file on purpose can make it anew; then the authentication fails, which is what a wrong passphrase looks like.
// The digest is last in every version.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "secrets/value.h"
#include "secrets/values.h"

namespace caisson::secrets {

struct SealCost {
  uint8_t passes = 3;
  uint8_t memory_log2_kib = 18;  // 256 MiB: libsodium's "moderate", about a second
};

inline constexpr size_t kMaxSealedBytes = kMaxValuesBytes + 256;
inline constexpr uint8_t kMostPasses = 16;
inline constexpr uint8_t kLeastMemoryLog2Kib = 3;
inline constexpr uint8_t kMostMemoryLog2Kib = 20;

// Each time with a new salt and nonce. Throws base::Error where there is not so much memory.
std::string seal(const Value& text, const Value& passphrase, const SealCost& cost);

// Throws a base::Error: "it is damaged", "it is of another version of Caisson", "the passphrase is wrong". Costs that
// are out of bounds are refused before anything is computed.
Value unseal(std::string_view file, const Value& passphrase);

}  // namespace caisson::secrets
