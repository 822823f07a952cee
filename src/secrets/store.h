// SPDX-License-Identifier: Apache-2.0

// This user's secrets: data_folder()/secrets, mode 0700.
//
//   secrets.json    which there are, and how their values are kept (metadata.h)
//   values.sealed   the values, sealed by a passphrase (sealed_file.h), or
//   values.plain    the values as they are, mode 0600 (values.h), or neither: they are in the Secret Service
//   lock            held while anything of these is changed
//
// Each file is replaced as a whole while the lock is held, so that of two who change something at once neither loses
// what the other has written; who reads needs no lock. A process that dies in between leaves at most a value that no
// secret has, which counts for nothing: a secret is listed after its value is kept, and is gone before its value is.
//
// Blocking work. All functions throw base::Error, in which there is nothing of a value.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "secrets/command_value.h"
#include "secrets/definition.h"
#include "secrets/metadata.h"
#include "secrets/sealed_file.h"
#include "secrets/value.h"

namespace caisson::secrets {

enum class PassphraseFor : uint8_t { kOpening, kNewFile };

// Asks the user for the passphrase; throws base::Error where nobody can be asked. Called with the lock not held, but
// where another process has made the file in the meantime.
using AskPassphrase = std::function<Value(PassphraseFor)>;

struct NewSecret {
  Definition definition;
  Value value = {};  // empty where the definition has a command
};

class Store {
 public:
  explicit Store(AskPassphrase ask);
  Store(std::string folder, AskPassphrase ask, SealCost cost);

  Metadata metadata() const;

  // Adds them, each in place of the one of its name. `wanted` is how values are to be kept where none is yet; nothing:
  // in the Secret Service where there is one, otherwise in a sealed file.
  void set(std::vector<NewSecret> secrets, std::optional<Keeping> wanted);
  // All of them or, where one is not there, none.
  void remove(const std::vector<std::string>& names);
  // Also what cannot be read, and without a passphrase. The next one may be kept another way.
  void remove_all();

  // The value as it is now: from the store, or from the secret's command.
  Value value(const std::string& name, const CommandRun& run) const;

 private:
  class Kept;

  std::string path(std::string_view file) const { return folder_ + "/" + std::string(file); }
  Kept open(const Metadata& metadata, std::optional<Value> passphrase) const;

  std::string folder_;
  AskPassphrase ask_;
  SealCost cost_;
};

}  // namespace caisson::secrets
