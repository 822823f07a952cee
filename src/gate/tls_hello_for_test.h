// SPDX-License-Identifier: Apache-2.0

// TLS messages for tests.
#pragma once

#include <cstdint>
#include <string>

namespace caisson::gate {

using namespace std::string_literals;

inline std::string sized(int length_bytes, const std::string& bytes) {
  std::string out;
  for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(bytes.size() >> (8 * i));
  return out + bytes;
}

inline std::string extension(uint16_t type, const std::string& data) {
  return std::string{static_cast<char>(type >> 8), static_cast<char>(type)} + sized(2, data);
}

inline std::string server_name(const std::string& name) {
  return extension(0, sized(2, "\0"s + sized(2, name)));
}

inline const std::string kBeforeExtensions =
    "\3\3"s + std::string(32, 'r') + sized(1, "session") + sized(2, "\x13\x01\x13\x02"s) + sized(1, "\0"s);

inline std::string message(const std::string& extensions) {
  return "\1"s + sized(3, kBeforeExtensions + sized(2, extensions));
}

inline std::string record(const std::string& payload, char type = 22) {
  return std::string{type} + "\3\1"s + sized(2, payload);
}

}  // namespace caisson::gate
