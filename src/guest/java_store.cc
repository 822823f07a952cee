// SPDX-License-Identifier: Apache-2.0

#include "guest/java_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "guest/sha1.h"

namespace caisson::guest {
namespace {

constexpr size_t kBundleBytes = 8U << 20;
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::string_view kOption = "-Djavax.net.ssl.trustStore=";

// JDK, sun.security.provider.JavaKeyStore: a header, the entries, and SHA-1 over the password as UTF-16, these words
// and what is before it. Numbers are big-endian, a text has its length in two bytes before it.
constexpr uint32_t kMagic = 0xFEEDFEED;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kTrustedCertificate = 2;
constexpr std::string_view kPassword = "changeit";
constexpr std::string_view kWhitener = "Mighty Aphrodite";

void put_number(std::string& out, uint64_t number, unsigned bytes) {
  for (unsigned i = bytes; i > 0; --i) out += static_cast<char>(number >> (i - 1) * 8 & 0xFF);
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size(), 2);
  out += text;
}

int digit_of(char c) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t at = kDigits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  uint32_t collected = 0;
  unsigned bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    const int digit = digit_of(c);
    if (digit < 0) return std::nullopt;
    collected = (collected << 6 | static_cast<uint32_t>(digit)) & 0xFFFFFF;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(collected >> bits & 0xFF);
  }
  return bytes;
}

// A DER sequence of just this length: Java refuses the whole file for one entry that is none.
bool is_sequence(std::string_view der) {
  if (der.size() < 4 || der[0] != '\x30') return false;
  const auto first = static_cast<uint8_t>(der[1]);
  if (first < 0x80) return der.size() == 2U + first;
  const size_t digits = first & 0x7F;
  if (digits == 0 || digits > 3 || der.size() < 2 + digits) return false;
  size_t length = 0;
  for (size_t i = 0; i < digits; ++i) length = length << 8 | static_cast<uint8_t>(der[2 + i]);
  return der.size() == 2 + digits + length;
}

std::vector<std::string> certificates_of(std::string_view bundle) {
  std::vector<std::string> found;
  for (size_t at = bundle.find(kBegin); at != std::string_view::npos; at = bundle.find(kBegin, at)) {
    at += kBegin.size();
    const size_t end = bundle.find(kEnd, at);
    if (end == std::string_view::npos) break;
    auto der = decode_base64(bundle.substr(at, end - at));
    if (der && is_sequence(*der)) found.push_back(std::move(*der));
    at = end;
  }
  return found;
}

std::array<uint8_t, 20> checksum(std::string_view content) {
  std::string all;
  for (const char c : kPassword) (all += '\0') += c;
  all += kWhitener;
  all += content;
  return sha1(all);
}

}  // namespace

std::string java_store(std::string_view bundle) {
  const std::vector<std::string> certificates = certificates_of(bundle);
  std::string store;
  put_number(store, kMagic, 4);
  put_number(store, kVersion, 4);
  put_number(store, certificates.size(), 4);
  for (size_t i = 0; i < certificates.size(); ++i) {
    put_number(store, kTrustedCertificate, 4);
    put_text(store, "authority-" + std::to_string(i));
    put_number(store, 0, 8);  // when it was added
    put_text(store, "X.509");
    put_number(store, certificates[i].size(), 4);
    store += certificates[i];
  }
  for (const uint8_t byte : checksum(store)) store += static_cast<char>(byte);
  return store;
}

bool refresh_java_store(const std::string& bundle, const std::string& store) {
  struct stat from {};
  if (::stat(bundle.c_str(), &from) != 0) return false;
  // The store has the time of the bundle that it was made of. Read before the content: what changes in between is
  // noticed the next time.
  struct stat made {};
  if (::stat(store.c_str(), &made) == 0 && made.st_mtim.tv_sec == from.st_mtim.tv_sec &&
      made.st_mtim.tv_nsec == from.st_mtim.tv_nsec)
    return true;
  base::write_file_atomic(store, java_store(base::read_file(bundle, kBundleBytes)), 0644);
  const std::array<timespec, 2> times = {from.st_mtim, from.st_mtim};
  if (::utimensat(AT_FDCWD, store.c_str(), times.data(), 0) != 0) throw base::system_error("cannot date", store);
  return true;
}

std::string with_java_store(std::string_view options, std::string_view store) {
  std::string all(options);
  if (all.find(kOption) != std::string::npos) return all;
  if (!all.empty()) all += ' ';
  return (all += kOption) += store;
}

}  // namespace caisson::guest
