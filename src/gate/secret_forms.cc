// SPDX-License-Identifier: Apache-2.0

#include "gate/secret_forms.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace caisson::gate {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

size_t base64_bytes(size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

void encode_base64(std::string_view bytes, char* into) {
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t left = std::min<size_t>(bytes.size() - at, 3);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < left ? static_cast<uint8_t>(bytes[at + i]) : 0U);
    for (size_t i = 0; i < 4; ++i) *into++ = i <= left ? kBase64[group >> (18 - 6 * i) & 63] : '=';
  }
}

std::string to_base64(std::string_view bytes) {
  std::string text(base64_bytes(bytes.size()), '\0');
  encode_base64(bytes, text.data());
  return text;
}

std::string from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const size_t digit = kBase64.find(c);
    if (digit == std::string_view::npos) return {};
    group = group << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 0xFF);
  }
  return bytes;
}

size_t encode_percent(std::string_view bytes, char* into) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  char* const begin = into;
  for (const char c : bytes) {
    if (is_unreserved(c)) {
      *into++ = c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    *into++ = '%';
    *into++ = kDigits[byte >> 4];
    *into++ = kDigits[byte & 15];
  }
  return static_cast<size_t>(into - begin);
}

SecretForms::SecretForms(std::string_view text, const std::vector<std::string>& users) {
  // As it is; six times in base64; two times escaped, two times for JSON, one of them with room for what is made of it.
  size_t room = text.size() + 6 * (base64_bytes(text.size() + 2)) + 9 * text.size() + 6 * text.size();
  for (const std::string& user : users) room += 3 * (base64_bytes(user.size() + 1 + text.size()) + text.size());
  for (const std::string& user : users) room += user.size() + 1;
  bytes_ = secrets::Value(room);
  std::copy(text.begin(), text.end(), this->room());
  keep(text.size());
  for (size_t index = 0; index < users.size(); ++index) add_basic(text, users[index], index);
  for (const size_t before : {0, 1, 2}) add_base64(text, before);
  add_percent(text);
  for (const bool escapes_slashes : {false, true}) add_json(text, escapes_slashes);
}

// What was written at room(), unless it is one of the others.
void SecretForms::keep(size_t size, size_t user) {
  const std::string_view made(room(), size);
  for (size_t index = 0; index < places_.size(); ++index) {
    if ((*this)[index] == made) return;
  }
  places_.push_back({.begin = filled_, .size = size, .user = user});
  filled_ += size;
}

// Behind so many other bytes, of a group of three. What depends on bytes in front of it or behind it is left out.
void SecretForms::add_base64(std::string_view text, size_t before) {
  constexpr std::array<size_t, 3> kSkipped = {0, 2, 3};
  secrets::Value padded(before + text.size());
  std::copy(text.begin(), text.end(), padded.data() + before);
  secrets::Value encoded(base64_bytes(padded.size()));
  encode_base64(padded.reveal(), encoded.data());
  const size_t end = padded.size() * 8 / 6;
  const std::string_view part = encoded.reveal().substr(kSkipped[before], end - kSkipped[before]);
  std::copy(part.begin(), part.end(), room());
  keep(part.size());
  std::transform(part.begin(), part.end(), room(), [](char c) { return c == '+' ? '-' : c == '/' ? '_' : c; });
  keep(part.size());
}

void SecretForms::add_percent(std::string_view text) {
  const size_t size = encode_percent(text, room());
  keep(size);
  encode_percent(text, room());
  for (size_t at = 0; at < size; ++at) {
    if (room()[at] != '%') continue;
    for (size_t digit = at + 1; digit <= at + 2; ++digit) {
      char& c = room()[digit];
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  keep(size);
}

void SecretForms::add_json(std::string_view text, bool escapes_slashes) {
  char* into = room();
  for (const char c : text) {
    if (c == '"' || c == '\\' || (c == '/' && escapes_slashes)) *into++ = '\\';
    *into++ = c;
  }
  keep(static_cast<size_t>(into - room()));
}

void SecretForms::add_basic(std::string_view text, std::string_view user, size_t index) {
  secrets::Value both(user.size() + 1 + text.size());
  char* into = std::copy(user.begin(), user.end(), both.data());
  *into++ = ':';
  std::copy(text.begin(), text.end(), into);
  const size_t size = base64_bytes(both.size());
  encode_base64(both.reveal(), room());
  keep(size, index);
}

}  // namespace caisson::gate
