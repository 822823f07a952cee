// SPDX-License-Identifier: Apache-2.0

// secrets.json: which secrets there are, and where their values are kept. No value is in it, so it is read without a
// passphrase.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "secrets/definition.h"

namespace caisson::secrets {

// How the values are kept: one way for all of them.
enum class Keeping : uint8_t { kSecretService, kSealed, kPlain };
// "secret-service", "sealed", "plain"
std::string_view to_string(Keeping keeping);
std::optional<Keeping> keeping_of(std::string_view text);

struct SecretRecord {
  Definition definition;
  std::chrono::sys_time<std::chrono::milliseconds> changed;
};

struct Metadata {
  // Nothing as long as no value was kept.
  std::optional<Keeping> keeping = {};
  std::string id = {};                     // of this store among others in one Secret Service
  std::vector<SecretRecord> secrets = {};  // by name

  const SecretRecord* find(std::string_view name) const;
  void put(SecretRecord record);
  // False: there was none.
  bool remove(std::string_view name);
};

// Throw base::Error. A file that is not there has no secrets.
Metadata read_metadata(const std::string& path);
void write_metadata(const std::string& path, const Metadata& metadata);

}  // namespace caisson::secrets
