// SPDX-License-Identifier: Apache-2.0

// What is known of a secret besides its value: where the gate may send it, where in a request it is put, and whether
// the value comes from a command. Nothing in it is secret.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"

namespace caisson::secrets {

inline constexpr size_t kMaxNameBytes = 64;
inline constexpr size_t kMostRules = 32;
inline constexpr size_t kMostPlaces = 8;
inline constexpr size_t kMaxCommandBytes = 4096;
inline constexpr std::chrono::seconds kDefaultMaxAge = std::chrono::minutes(5);
inline constexpr std::chrono::seconds kLongestMaxAge = std::chrono::hours(24);

// Where in a request a value is put.
struct Place {
  enum class Kind : uint8_t {
    kHeader,  // the header `name`, whose value has the form `form`, in which {} stands for the secret
    kQuery,   // the parameter `name` of the query
    kBasic,   // the password of Basic authentication (RFC 7617), with the user `name`
  };
  Kind kind = Kind::kHeader;
  std::string name;
  std::string form = {};  // of kHeader: "Bearer {}"

  bool operator==(const Place&) const = default;
};

// Throw a base::Error that names the option and the remedy. What was written is not in it: it may be the value, written
// at the wrong place.
Place header_place(std::string_view text);  // "Authorization: Bearer {}"
Place query_place(std::string_view text);   // "key"
Place basic_place(std::string_view text);   // "user"

// As an option of `secret set` has it: "--header 'Authorization: Bearer {}'".
std::string to_string(const Place& place);

// Gives the value on stdout when /bin/sh -c runs it.
struct Command {
  std::string text;
  std::chrono::seconds max_age = kDefaultMaxAge;  // an older value is asked for again

  bool operator==(const Command&) const = default;
};

struct Definition {
  std::string name;
  // Rules of the gate in their normal form ("api.example.com:443 POST /v1/**"): it parses them (gate/secret_rules.h).
  std::vector<std::string> rules = {};
  std::vector<Place> places = {};
  std::optional<Command> command = {};  // nothing: the value is in the store

  bool operator==(const Definition&) const = default;
};

// Throw base::Error. A name has lower-case letters, digits, '-', '_' and '.', and begins with one of the first two.
void check_name(std::string_view name);
void check_command(const Command& command);

base::Json to_json(const Definition& definition);
Definition definition_from_json(const base::Json& json);

}  // namespace caisson::secrets
