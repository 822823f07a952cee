// SPDX-License-Identifier: Apache-2.0

// Services of which it is known where their secrets go, what their clients read them from, and what they look like: a
// secret of such a name needs no options.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "secrets/definition.h"
#include "secrets/placeholder.h"

namespace caisson::secrets {

struct KnownService {
  std::string_view name;
  // As `secret set --host` takes them. Empty where there is one for each user, who has to name it.
  std::vector<std::string> hosts;
  std::vector<Place> places;
  std::vector<std::string> variables;  // that its clients read the value from, the usual one first
  PlaceholderShape shape;
};

// By name.
const std::vector<KnownService>& known_services();
// Nothing where there is none. Throws a base::Error for one that this version knows and cannot serve (aws).
const KnownService* find_service(std::string_view name);

}  // namespace caisson::secrets
