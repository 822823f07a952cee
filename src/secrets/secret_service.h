// SPDX-License-Identifier: Apache-2.0

// The Secret Service of the user's session (GNOME Keyring, KWallet, KeePassXC), by way of libsecret's program
// `secret-tool`: values pass through its stdin and stdout. Items have the attributes application=caisson,
// store=ID (of the folder of secrets) and secret=NAME.
//
// Functions wait, where the service asks the user to unlock it as long as that takes, and throw base::Error.
#pragma once

#include <string>

#include "secrets/value.h"

namespace caisson::secrets {

// Whether there is a session's D-Bus, the program, and a service that answers it.
bool has_secret_service();

class SecretService {
 public:
  explicit SecretService(std::string store_id) : id_(std::move(store_id)) {}

  // Empty where it has none.
  Value get(const std::string& name) const;
  void put(const std::string& name, const Value& value) const;
  void remove(const std::string& name) const;
  void remove_all() const;

 private:
  std::string id_;
};

}  // namespace caisson::secrets
