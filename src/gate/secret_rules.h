// SPDX-License-Identifier: Apache-2.0

// Where a secret may be sent, in the language of rules.
#pragma once

#include <string>
#include <vector>

#include "gate/rule.h"
#include "secrets/definition.h"

namespace caisson::gate {

inline constexpr uint16_t kSecretPort = 443;  // where a host is named without one: what is sent there is encrypted

// What `secret set` is given.
struct SecretTargets {
  std::vector<std::string> hosts;         // HOST[:PORT[-PORT]]
  std::vector<std::string> methods = {};  // none: every one
  std::string path = {};                  // "": every one
};

// A rule for each host, in its normal form, as secrets::Definition has them. Throws a base::Error that names the option
// and the remedy: a secret goes over TCP to names, never to all names of the world or of a top-level domain.
std::vector<std::string> secret_rules(const SecretTargets& targets);

// The rules of a definition; throws a base::Error that names the secret.
std::vector<Rule> rules_of(const secrets::Definition& definition);

}  // namespace caisson::gate
