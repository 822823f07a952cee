// SPDX-License-Identifier: Apache-2.0

// What `secret set` is told of a secret, but for its value.
#pragma once

#include <string>
#include <vector>

#include "secrets/metadata.h"

namespace caisson::cli {

struct SecretOptions {
  std::string name;
  std::vector<std::string> hosts = {};
  std::vector<std::string> headers = {};
  std::vector<std::string> queries = {};
  std::vector<std::string> basics = {};
  std::string path = {};
  std::vector<std::string> methods = {};
  std::string from_env = {};
  std::string from_command = {};
  std::string max_age = {};
  std::string store = {};
  std::vector<std::string> stray = {};  // words that are none of these
};

// Of the options; what they leave out is a known service's, or, where they say nothing of it at all, that of the secret
// that has the name. Throws a base::Error in which nothing is that may be a value.
secrets::Definition definition_of(const SecretOptions& options, const secrets::Metadata& metadata);

}  // namespace caisson::cli
