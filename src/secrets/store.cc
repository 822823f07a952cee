// SPDX-License-Identifier: Apache-2.0

#include "secrets/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/folder_names.h"
#include "base/own_file.h"
#include "base/paths.h"
#include "base/random.h"
#include "base/text.h"
#include "secrets/secret_service.h"
#include "secrets/values.h"

namespace caisson::secrets {
namespace {

using base::Error;
using base::in_quotes;

constexpr size_t kIdBytes = 8;
constexpr std::string_view kMetadataFile = "secrets.json";
constexpr std::string_view kSealedFile = "values.sealed";
constexpr std::string_view kPlainFile = "values.plain";
constexpr std::string_view kLockFile = "lock";

bool has_stored_values(const Metadata& metadata) {
  return std::any_of(metadata.secrets.begin(), metadata.secrets.end(),
                     [](const SecretRecord& one) { return !one.definition.command; });
}

void check_wanted(const Metadata& metadata, std::optional<Keeping> wanted) {
  if (!wanted || !metadata.keeping || *metadata.keeping == *wanted) return;
  throw Error(fmt::format("the secrets' values are kept as '{}' already, not as '{}'", to_string(*metadata.keeping),
                          to_string(*wanted)),
              "leave out --store; or remove all, by `caisson secret rm --all`, and set them again");
}

// Where nobody has chosen.
Keeping usual_keeping() {
  return has_secret_service() ? Keeping::kSecretService : Keeping::kSealed;
}

Error cannot_use(const std::string& path, const Error& error) {
  const std::string& hint = error.hint();
  return Error("cannot use the secrets in " + in_quotes(path) + ": " + error.problem(),
               hint.empty() ? "`caisson secret rm --all` forgets all secrets" : hint);
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw base::system_error("cannot remove", path);
}

// What a process that was killed while it wrote has left beside the files: it may hold values.
void remove_unfinished(const std::string& folder) {
  for (const std::string& name : base::folder_names(base::open_file(folder, O_RDONLY | O_DIRECTORY), folder)) {
    for (const std::string_view file : {kMetadataFile, kSealedFile, kPlainFile}) {
      if (name.size() > file.size() && name.starts_with(file)) remove_file(folder + "/" + name);
    }
  }
}

SecretRecord record_of(const Definition& definition) {
  return {.definition = definition,
          .changed = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

}  // namespace

// The values, read and, where they are in a file, written as a whole.
class Store::Kept {
 public:
  Kept(const Store& store, Keeping keeping, const std::string& id) : store_(store), keeping_(keeping), service_(id) {}

  // The file, which must be there: one that has gone has taken values with it.
  void read(std::optional<Value> passphrase) {
    if (keeping_ == Keeping::kSecretService) return;
    const std::string file = path();
    try {
      if (keeping_ == Keeping::kPlain) {
        const base::Fd opened = base::open_own_file(file, 077);
        if (!opened) throw Error("it is not there");
        values_ = decode_values(read_value(opened.get(), kMaxValuesBytes, "it"));
      } else {
        const base::Fd opened = base::open_own_file(file, 022);
        if (!opened) throw Error("it is not there");
        const std::string sealed = base::read_all(opened.get(), kMaxSealedBytes, file);
        values_ = decode_values(unseal(sealed, *passphrase));
        passphrase_ = std::move(passphrase);
      }
    } catch (const Error& error) {
      throw cannot_use(file, error);
    }
  }
  void begin(std::optional<Value> passphrase) { passphrase_ = std::move(passphrase); }

  Value get(const std::string& name) {
    if (keeping_ == Keeping::kSecretService) return service_.get(name);
    const auto found = values_.find(name);
    return found == values_.end() ? Value() : std::move(found->second);
  }
  void put(const std::string& name, Value value) {
    if (keeping_ == Keeping::kSecretService) return service_.put(name, value);
    values_.insert_or_assign(name, std::move(value));
  }
  void remove(const std::string& name) {
    if (keeping_ == Keeping::kSecretService) return service_.remove(name);
    values_.erase(name);
  }
  void write() const {
    if (keeping_ == Keeping::kSecretService) return;
    const Value text = encode_values(values_);
    if (keeping_ == Keeping::kPlain) return base::write_file_atomic(path(), text.reveal());
    base::write_file_atomic(path(), seal(text, *passphrase_, store_.cost_));
  }

 private:
  std::string path() const { return store_.path(keeping_ == Keeping::kPlain ? kPlainFile : kSealedFile); }

  const Store& store_;
  Keeping keeping_;
  SecretService service_;
  Values values_;
  std::optional<Value> passphrase_;
};

Store::Store(AskPassphrase ask) : Store(base::data_folder() + "/secrets", std::move(ask), SealCost{}) {}

Store::Store(std::string folder, AskPassphrase ask, SealCost cost)
    : folder_(std::move(folder)), ask_(std::move(ask)), cost_(cost) {}

Metadata Store::metadata() const {
  return read_metadata(path(kMetadataFile));
}

Store::Kept Store::open(const Metadata& metadata, std::optional<Value> passphrase) const {
  if (*metadata.keeping == Keeping::kSealed && !passphrase) passphrase = ask_(PassphraseFor::kOpening);
  Kept kept(*this, *metadata.keeping, metadata.id);
  if (has_stored_values(metadata)) {
    kept.read(std::move(passphrase));
  } else {
    // What is left of a set that was killed is nobody's.
    kept.begin(std::move(passphrase));
  }
  return kept;
}

void Store::set(std::vector<NewSecret> secrets, std::optional<Keeping> wanted) {
  const bool brings_values =
      std::any_of(secrets.begin(), secrets.end(), [](const NewSecret& one) { return !one.definition.command; });
  const auto touches_values = [&](const Metadata& metadata) {
    return brings_values || std::any_of(secrets.begin(), secrets.end(), [&](const NewSecret& one) {
             const SecretRecord* before = metadata.find(one.definition.name);
             return before != nullptr && !before->definition.command;
           });
  };
  base::make_folders(folder_);
  Metadata before = metadata();
  check_wanted(before, wanted);
  // The user is asked before the lock is taken: another command need not wait for the answer.
  std::optional<Value> passphrase;
  std::optional<Keeping> keeping = before.keeping;
  if (touches_values(before)) {
    if (!keeping) keeping = wanted ? *wanted : usual_keeping();
    if (*keeping == Keeping::kSealed)
      passphrase = ask_(has_stored_values(before) ? PassphraseFor::kOpening : PassphraseFor::kNewFile);
  }

  const base::FileLock lock = base::FileLock::acquire(path(kLockFile));
  remove_unfinished(folder_);
  Metadata now = metadata();
  if (!now.keeping && brings_values) {
    now.keeping = keeping;
    now.id = base::random_hex(kIdBytes);
  }
  check_wanted(now, wanted);
  for (const NewSecret& one : secrets) {
    if (now.find(one.definition.name) == nullptr && now.secrets.size() + secrets.size() > kMostSecrets)
      throw Error(fmt::format("there are more than {} secrets", kMostSecrets), "remove some: caisson secret rm NAME");
  }
  std::optional<Kept> kept;
  if (touches_values(now)) kept.emplace(open(now, std::move(passphrase)));
  // A new value must not be found under the old definition, which may send it elsewhere.
  bool dropped = false;
  for (const NewSecret& one : secrets) {
    const SecretRecord* old = now.find(one.definition.name);
    if (old != nullptr && old->definition != one.definition) dropped = now.remove(one.definition.name);
  }
  if (dropped) write_metadata(path(kMetadataFile), now);
  for (NewSecret& one : secrets) {
    if (kept && one.definition.command) kept->remove(one.definition.name);
    if (!one.definition.command) kept->put(one.definition.name, std::move(one.value));
  }
  if (kept) kept->write();
  for (const NewSecret& one : secrets) now.put(record_of(one.definition));
  write_metadata(path(kMetadataFile), now);
}

void Store::remove(const std::vector<std::string>& names) {
  const auto check = [&](const Metadata& metadata) {
    bool stored = false;
    for (const std::string& name : names) {
      const SecretRecord* record = metadata.find(name);
      if (record == nullptr)
        throw Error("there is no secret " + in_quotes(name.substr(0, 80)), "`caisson secret ls` lists those there are");
      stored = stored || !record->definition.command;
    }
    return stored;
  };
  std::optional<Value> passphrase;
  const Metadata before = metadata();
  if (check(before) && before.keeping == Keeping::kSealed) passphrase = ask_(PassphraseFor::kOpening);

  const base::FileLock lock = base::FileLock::acquire(path(kLockFile));
  remove_unfinished(folder_);
  Metadata now = metadata();
  std::optional<Kept> kept;
  if (check(now)) kept.emplace(open(now, std::move(passphrase)));
  for (const std::string& name : names) now.remove(name);
  write_metadata(path(kMetadataFile), now);
  if (!kept) return;
  for (const std::string& name : names) kept->remove(name);
  kept->write();
}

void Store::remove_all() {
  base::make_folders(folder_);
  const base::FileLock lock = base::FileLock::acquire(path(kLockFile));
  remove_unfinished(folder_);
  std::optional<Metadata> before;
  try {
    before = metadata();
  } catch (const Error&) {
    // What cannot be read is removed all the same; of items in a Secret Service it does not say which are ours.
  }
  remove_file(path(kMetadataFile));
  remove_file(path(kSealedFile));
  remove_file(path(kPlainFile));
  if (before && before->keeping == Keeping::kSecretService) SecretService(before->id).remove_all();
}

Value Store::value(const std::string& name, const CommandRun& run) const {
  const Metadata known = metadata();
  const SecretRecord* record = known.find(name);
  if (record == nullptr)
    throw Error("there is no secret " + in_quotes(name.substr(0, 80)), "caisson secret set NAME keeps one");
  if (record->definition.command) return value_of_command(name, *record->definition.command, run);
  Value value = open(known, {}).get(name);
  if (value.empty())
    throw Error(
        fmt::format("the value of the secret {} is not in its store ({})", in_quotes(name), to_string(*known.keeping)),
        "caisson secret set " + name + " keeps it again");
  return value;
}

}  // namespace caisson::secrets
