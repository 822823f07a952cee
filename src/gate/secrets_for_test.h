// SPDX-License-Identifier: Apache-2.0

// Secrets of a sandbox.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gate/request_secrets.h"

namespace caisson::gate {

using secrets::basic_place;
using secrets::header_place;
using secrets::query_place;

inline const std::string kTestValue = "the-value/of+it=";
inline const std::string kTestPlaceholder = "caisson_PlaceholderOfTheTest0123456789";

struct SecretsForTest {
  void add(std::string name, std::vector<secrets::Place> places, std::vector<std::string> rules,
           std::string placeholder = kTestPlaceholder, std::string_view value = kTestValue) {
    secrets::Definition definition{.name = std::move(name), .rules = std::move(rules), .places = std::move(places)};
    auto grant = std::make_shared<secrets::Grant>(std::move(definition), std::move(placeholder));
    grant->replace(secrets::Value::copy_of(value), secrets::Grant::Clock::now());
    grants.push_back(std::move(grant));
  }
  std::shared_ptr<const SandboxSecrets> sandbox() const { return std::make_shared<SandboxSecrets>(grants, refresh); }

  std::vector<GrantPtr> grants;
  SandboxSecrets::Refresh refresh;
};

}  // namespace caisson::gate
