// SPDX-License-Identifier: Apache-2.0

#include "secrets/metadata.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/file.h"
#include "base/json_reader.h"
#include "base/own_file.h"
#include "base/text.h"
#include "secrets/values.h"

namespace caisson::secrets {
namespace {

using base::Error;
using base::Json;
using base::JsonReader;

constexpr int kMetadataFormat = 1;
constexpr size_t kMaxMetadataBytes = 4U << 20;
constexpr const char* kMetadataName = "the list of secrets";
constexpr std::array<std::string_view, 3> kKeepings = {"secret-service", "sealed", "plain"};

SecretRecord record_from_json(const Json& json) {
  JsonReader reader(json, "a secret");
  SecretRecord record;
  record.definition = definition_from_json(reader.raw("definition"));
  record.changed = std::chrono::sys_time<std::chrono::milliseconds>(
      std::chrono::milliseconds(reader.required<int64_t>("changed_unix_ms")));
  reader.finish();
  return record;
}

Metadata parse_metadata(std::string_view text) {
  const Json json = base::parse_json_object(text, kMetadataName);
  JsonReader reader(json, kMetadataName);
  if (reader.required<int>("version") != kMetadataFormat) throw Error("it is of another version of Caisson");
  Metadata metadata;
  if (reader.has("store")) {
    metadata.keeping = keeping_of(reader.required<std::string>("store"));
    if (!metadata.keeping) throw Error("it names a store that is not known");
    metadata.id = reader.required<std::string>("store_id");
    if (metadata.id.empty() || !base::from_hex(metadata.id)) throw Error("its store's id is none");
  }
  const Json& secrets = reader.raw("secrets");
  reader.finish();
  if (!secrets.is_array() || secrets.size() > kMostSecrets) throw Error("its secrets are no list, or too many");
  for (const Json& one : secrets) {
    SecretRecord record = record_from_json(one);
    if (metadata.find(record.definition.name) != nullptr) throw Error("it has a secret twice");
    metadata.put(std::move(record));
  }
  return metadata;
}

}  // namespace

std::string_view to_string(Keeping keeping) {
  return kKeepings.at(static_cast<size_t>(keeping));
}

std::optional<Keeping> keeping_of(std::string_view text) {
  const auto* found = std::find(kKeepings.begin(), kKeepings.end(), text);
  if (found == kKeepings.end()) return std::nullopt;
  return static_cast<Keeping>(found - kKeepings.begin());
}

const SecretRecord* Metadata::find(std::string_view name) const {
  const auto found = std::find_if(secrets.begin(), secrets.end(),
                                  [&](const SecretRecord& one) { return one.definition.name == name; });
  return found == secrets.end() ? nullptr : &*found;
}

void Metadata::put(SecretRecord record) {
  remove(record.definition.name);
  const auto behind = std::find_if(secrets.begin(), secrets.end(), [&](const SecretRecord& one) {
    return one.definition.name > record.definition.name;
  });
  secrets.insert(behind, std::move(record));
}

bool Metadata::remove(std::string_view name) {
  return std::erase_if(secrets, [&](const SecretRecord& one) { return one.definition.name == name; }) != 0;
}

Metadata read_metadata(const std::string& path) {
  try {
    // Who writes it says where values are sent.
    const base::Fd file = base::open_own_file(path, 022);
    if (!file) return {};
    return parse_metadata(base::read_all(file.get(), kMaxMetadataBytes, path));
  } catch (const Error& error) {
    throw Error("cannot read which secrets there are, in " + base::in_quotes(path) + ": " + error.problem(),
                "`caisson secret rm --all` forgets all secrets");
  }
}

void write_metadata(const std::string& path, const Metadata& metadata) {
  Json secrets = Json::array();
  for (const SecretRecord& one : metadata.secrets) {
    secrets.push_back(
        Json{{"definition", to_json(one.definition)}, {"changed_unix_ms", one.changed.time_since_epoch().count()}});
  }
  Json json{{"version", kMetadataFormat}, {"secrets", std::move(secrets)}};
  if (metadata.keeping) {
    json["store"] = to_string(*metadata.keeping);
    json["store_id"] = metadata.id;
  }
  base::write_file_atomic(path, json.dump() + "\n");
}

}  // namespace caisson::secrets
