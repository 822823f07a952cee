// SPDX-License-Identifier: Apache-2.0

#include "secrets/sealed_file.h"

#include <sodium.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace caisson::secrets {
namespace {

using base::Error;

constexpr std::string_view kMagic = "caisson secrets\n";
constexpr uint8_t kSealVersion = 1;
constexpr size_t kSaltAt = kMagic.size() + 3;
constexpr size_t kNonceAt = kSaltAt + crypto_pwhash_SALTBYTES;
constexpr size_t kHeaderBytes = kNonceAt + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr size_t kDigestBytes = crypto_generichash_BYTES;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(char* text) {
  return reinterpret_cast<unsigned char*>(text);
}

std::string digest_of(std::string_view text) {
  std::string digest(kDigestBytes, '\0');
  ::crypto_generichash(bytes_of(digest.data()), digest.size(), bytes_of(text), text.size(), nullptr, 0);
  return digest;
}

Value key_of(const Value& passphrase, std::string_view header) {
  Value key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  const auto passes = static_cast<uint8_t>(header[kMagic.size() + 1]);
  const auto memory = static_cast<uint8_t>(header[kMagic.size() + 2]);
  // Of an empty one there are no bytes to point to, and libsodium wants a pointer.
  const std::string_view words = passphrase.empty() ? std::string_view("") : passphrase.reveal();
  if (::crypto_pwhash(bytes_of(key.data()), key.size(), words.data(), words.size(), bytes_of(header.substr(kSaltAt)),
                      passes, size_t{1024} << memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
    throw base::system_error("cannot make a key of", "the passphrase", ENOMEM);
  return key;
}

// Throws for what is no such file, or is not whole.
void check_sealed(std::string_view file) {
  constexpr const char* kDamaged = "it is damaged";
  if (file.size() < kHeaderBytes + kTagBytes + kDigestBytes || file.size() > kMaxSealedBytes) throw Error(kDamaged);
  const std::string_view before_digest = file.substr(0, file.size() - kDigestBytes);
  if (!file.starts_with(kMagic) || digest_of(before_digest) != file.substr(before_digest.size())) throw Error(kDamaged);
  if (static_cast<uint8_t>(file[kMagic.size()]) != kSealVersion) throw Error("it is of another version of Caisson");
  const auto passes = static_cast<uint8_t>(file[kMagic.size() + 1]);
  const auto memory = static_cast<uint8_t>(file[kMagic.size() + 2]);
  if (passes < 1 || passes > kMostPasses || memory < kLeastMemoryLog2Kib || memory > kMostMemoryLog2Kib)
    throw Error("it asks for more work than is done for a passphrase");
}

}  // namespace

std::string seal(const Value& text, const Value& passphrase, const SealCost& cost) {
  std::string file(kMagic);
  file += static_cast<char>(kSealVersion);
  file += static_cast<char>(cost.passes);
  file += static_cast<char>(cost.memory_log2_kib);
  file.resize(kHeaderBytes);
  ::randombytes_buf(file.data() + kSaltAt, kHeaderBytes - kSaltAt);
  const Value key = key_of(passphrase, file);
  const std::string header = file;
  file.resize(kHeaderBytes + text.size() + kTagBytes);
  ::crypto_aead_xchacha20poly1305_ietf_encrypt(
      bytes_of(file.data() + kHeaderBytes), nullptr, bytes_of(text.reveal()), text.size(), bytes_of(header),
      header.size(), nullptr, bytes_of(std::string_view(header).substr(kNonceAt)), bytes_of(key.reveal()));
  return file + digest_of(file);
}

Value unseal(std::string_view file, const Value& passphrase) {
  check_sealed(file);
  const std::string_view header = file.substr(0, kHeaderBytes);
  const std::string_view sealed = file.substr(kHeaderBytes, file.size() - kHeaderBytes - kDigestBytes);
  const Value key = key_of(passphrase, header);
  Value text(sealed.size() - kTagBytes);
  if (::crypto_aead_xchacha20poly1305_ietf_decrypt(bytes_of(text.data()), nullptr, nullptr, bytes_of(sealed),
                                                   sealed.size(), bytes_of(header), header.size(),
                                                   bytes_of(header.substr(kNonceAt)), bytes_of(key.reveal())) != 0)
    throw Error("the passphrase is wrong",
                "a lost one: `caisson secret rm --all` forgets all secrets and asks for none");
  return text;
}

}  // namespace caisson::secrets
