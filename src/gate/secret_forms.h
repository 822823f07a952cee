// SPDX-License-Identifier: Apache-2.0

// The forms in which a text is looked for: as it is, in base64 (RFC 4648, both alphabets) at each place within other
// bytes, percent-encoded (both cases), and as a JSON string has it. What is found is found as these bytes: a text that
// was compressed, encrypted, cut into pieces or turned around is not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "secrets/value.h"

namespace caisson::gate {

// RFC 4648, with padding.
size_t base64_bytes(size_t bytes);
void encode_base64(std::string_view bytes, char* into);
std::string to_base64(std::string_view bytes);
// Nothing but the standard alphabet; padding may be missing. "" for anything else.
std::string from_base64(std::string_view text);

// What is not unreserved (RFC 3986, section 2.3) is escaped, with upper-case digits. At most three times as long.
size_t encode_percent(std::string_view bytes, char* into);

// In memory that is locked and wiped, as the text may be a secret.
class SecretForms {
 public:
  SecretForms() = default;
  // `users`: base64 of "USER:TEXT", as Basic authentication has it, is looked for as a whole.
  SecretForms(std::string_view text, const std::vector<std::string>& users);

  size_t size() const { return places_.size(); }
  std::string_view operator[](size_t index) const {
    return bytes_.reveal().substr(places_[index].begin, places_[index].size);
  }
  // Of a form that is "USER:TEXT" in base64: the index of the user.
  size_t user(size_t index) const { return places_[index].user; }
  static constexpr size_t kNoUser = static_cast<size_t>(-1);

 private:
  struct Place {
    size_t begin;
    size_t size;
    size_t user = kNoUser;
  };
  void keep(size_t size, size_t user = kNoUser);
  char* room() { return bytes_.data() + filled_; }
  void add_base64(std::string_view text, size_t before);
  void add_url_safe();
  void add_percent(std::string_view text);
  void add_json(std::string_view text, bool escapes_slashes);
  void add_basic(std::string_view text, std::string_view user, size_t index);

  secrets::Value bytes_;
  size_t filled_ = 0;
  std::vector<Place> places_;
};

}  // namespace caisson::gate
