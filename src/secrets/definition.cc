// SPDX-License-Identifier: Apache-2.0

#include "secrets/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/error.h"
#include "base/text.h"

namespace caisson::secrets {
namespace {

using base::Error;
using base::Json;
using base::JsonReader;

constexpr size_t kMaxPlaceBytes = 256;
constexpr std::string_view kValueMark = "{}";
constexpr const char* kHeaderHint = "write --header 'Authorization: Bearer {}', where {} stands for the value";
constexpr std::array<std::string_view, 3> kPlaceKinds = {"header", "query", "basic"};

// Those with which a connection is steered (RFC 9110, 7; RFC 9112, 6): nothing of a secret has a place in them.
constexpr std::array<std::string_view, 11> kSteeringHeaders = {
    "host", "connection", "content-length",    "expect",   "trailer", "keep-alive", "proxy-connection",
    "te",   "upgrade",    "transfer-encoding", "forwarded"};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_printable(char c) {
  return c >= 0x20 && c <= 0x7E;
}

// RFC 9110, 5.6.2.
bool is_token_byte(char c) {
  return is_letter_or_digit(c) || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

// RFC 3986, 2.3: what nobody escapes.
bool is_unreserved(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool all_of(std::string_view text, bool (*holds)(char)) {
  return std::all_of(text.begin(), text.end(), holds);
}

size_t marks_in(std::string_view text) {
  size_t count = 0;
  for (size_t at = text.find(kValueMark); at != std::string_view::npos; at = text.find(kValueMark, at + 2)) ++count;
  return count;
}

Place checked_header(Place place) {
  if (place.name.empty() || !all_of(place.name, is_token_byte))
    throw Error("--header does not begin with a header's name and a colon", kHeaderHint);
  const std::string lower = base::ascii_lower(place.name);
  if (std::find(kSteeringHeaders.begin(), kSteeringHeaders.end(), lower) != kSteeringHeaders.end())
    throw Error("--header: no secret is put into the header " + base::in_quotes(place.name), kHeaderHint);
  if (marks_in(place.form) != 1) throw Error("--header has not exactly one {} behind the header's name", kHeaderHint);
  if (!all_of(place.form, is_printable) || place.form != base::trimmed(place.form))
    throw Error("--header has bytes that are not printable ASCII", kHeaderHint);
  return place;
}

Place checked_place(Place place) {
  if (place.name.size() + place.form.size() > kMaxPlaceBytes)
    throw Error(
        fmt::format("--{} has more than {} bytes", kPlaceKinds.at(static_cast<size_t>(place.kind)), kMaxPlaceBytes));
  switch (place.kind) {
    case Place::Kind::kHeader:
      return checked_header(std::move(place));
    case Place::Kind::kQuery:
      if (place.name.empty() || !all_of(place.name, is_unreserved))
        throw Error("--query is not the name of a parameter", "write --query key: letters, digits, '-', '.', '_', '~'");
      break;
    case Place::Kind::kBasic:
      if (place.name.empty() || !all_of(place.name, is_printable) || place.name.find(':') != std::string::npos)
        throw Error("--basic is not a user's name", "write --basic USER, in printable ASCII and without a colon");
      break;
  }
  return place;
}

Json place_to_json(const Place& place) {
  Json json{{"kind", kPlaceKinds.at(static_cast<size_t>(place.kind))}, {"name", place.name}};
  if (place.kind == Place::Kind::kHeader) json["form"] = place.form;
  return json;
}

Place place_from_json(const Json& json) {
  JsonReader reader(json, "a secret's place");
  const auto kind = reader.required<std::string>("kind");
  const auto* found = std::find(kPlaceKinds.begin(), kPlaceKinds.end(), kind);
  if (found == kPlaceKinds.end()) throw Error("a secret's place is of no known kind");
  Place place;
  place.kind = static_cast<Place::Kind>(found - kPlaceKinds.begin());
  place.name = reader.required<std::string>("name");
  if (place.kind == Place::Kind::kHeader) place.form = reader.required<std::string>("form");
  reader.finish();
  return checked_place(std::move(place));
}

}  // namespace

Place header_place(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) throw Error("--header has no colon", kHeaderHint);
  return checked_place({.kind = Place::Kind::kHeader,
                        .name = std::string(text.substr(0, colon)),
                        .form = std::string(base::trimmed(text.substr(colon + 1)))});
}

Place query_place(std::string_view text) {
  return checked_place({.kind = Place::Kind::kQuery, .name = std::string(text)});
}

Place basic_place(std::string_view text) {
  return checked_place({.kind = Place::Kind::kBasic, .name = std::string(text)});
}

std::string to_string(const Place& place) {
  switch (place.kind) {
    case Place::Kind::kHeader:
      return fmt::format("--header '{}: {}'", place.name, place.form);
    case Place::Kind::kQuery:
      return "--query " + place.name;
    case Place::Kind::kBasic:
      return "--basic " + place.name;
  }
  return {};
}

void check_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' && name.front() != '-' &&
                    name.front() != '_' &&
                    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == std::string_view::npos;
  if (!good)
    throw Error(base::in_quotes(name.substr(0, 80)) + " is not a secret's name",
                "1 to 64 lower-case letters, digits, '.', '-' and '_', the first a letter or digit");
}

void check_command(const Command& command) {
  constexpr const char* kHint = "write the command as a shell takes it, in one line: --from-command 'gh auth token'";
  if (base::trimmed(command.text).empty()) throw Error("--from-command is empty", kHint);
  if (command.text.size() > kMaxCommandBytes) throw Error("--from-command has more than 4096 bytes", kHint);
  if (base::escaped(command.text) != command.text) throw Error("--from-command has bytes that are no text", kHint);
  if (command.max_age < std::chrono::seconds(1) || command.max_age > kLongestMaxAge)
    throw Error("--max-age is not between 1 second and 24 hours", "--max-age 10m, for example");
}

Json to_json(const Definition& definition) {
  Json places = Json::array();
  for (const Place& place : definition.places) places.push_back(place_to_json(place));
  Json json{{"name", definition.name}, {"rules", definition.rules}, {"places", std::move(places)}};
  if (definition.command) {
    json["command"] = definition.command->text;
    json["max_age_seconds"] = definition.command->max_age.count();
  }
  return json;
}

Definition definition_from_json(const Json& json) {
  JsonReader reader(json, "a secret");
  Definition definition;
  definition.name = reader.required<std::string>("name");
  check_name(definition.name);
  definition.rules = reader.required<std::vector<std::string>>("rules");
  const Json& places = reader.raw("places");
  if (!places.is_array()) throw Error("the places of a secret are no list");
  if (places.empty() || places.size() > kMostPlaces || definition.rules.empty() || definition.rules.size() > kMostRules)
    throw Error("a secret has no host or no place, or too many");
  for (const Json& place : places) definition.places.push_back(place_from_json(place));
  if (reader.has("command")) {
    definition.command = Command{.text = reader.required<std::string>("command"),
                                 .max_age = std::chrono::seconds(reader.required<int64_t>("max_age_seconds"))};
    check_command(*definition.command);
  }
  reader.finish();
  return definition;
}

}  // namespace caisson::secrets
