// SPDX-License-Identifier: Apache-2.0

// The file is replaced as a whole while trusted.json.lock is held, so of two who write at once each finds what the
// other has written; who reads needs no lock.

#include "config/trust.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json_reader.h"
#include "base/own_file.h"
#include "base/paths.h"
#include "base/text.h"
#include "image/digest.h"

namespace caisson::config {
namespace {

using base::Error;
using base::Json;
using base::JsonReader;

constexpr int kTrustFormat = 1;
constexpr size_t kMaxTrustBytes = 32U << 20;
constexpr const char* kTrustName = "the list of accepted configurations";

Trusted trusted_from_json(const Json& json) {
  JsonReader reader(json, "an accepted configuration");
  Trusted one;
  one.folder = reader.required<std::string>("folder");
  one.digest = reader.required<std::string>("digest");
  one.accepted = std::chrono::sys_time<std::chrono::milliseconds>(
      std::chrono::milliseconds(reader.required<int64_t>("accepted_unix_ms")));
  reader.finish();
  if (!one.folder.starts_with('/') || !image::is_digest(one.digest))
    throw Error("an accepted configuration has no folder or no digest");
  return one;
}

std::vector<Trusted> parse_trusted(std::string_view text) {
  const Json json = base::parse_json_object(text, kTrustName);
  JsonReader reader(json, kTrustName);
  if (reader.required<int>("version") != kTrustFormat) throw Error("it is of another version of Caisson");
  const Json& folders = reader.raw("folders");
  reader.finish();
  if (!folders.is_array()) throw Error("the key 'folders' is no list");
  std::vector<Trusted> all;
  for (const Json& one : folders) all.push_back(trusted_from_json(one));
  return all;
}

auto find_folder(std::vector<Trusted>& all, std::string_view folder) {
  return std::find_if(all.begin(), all.end(), [&](const Trusted& one) { return one.folder == folder; });
}

}  // namespace

TrustStore::TrustStore() : path_(base::data_folder() + "/trusted.json") {}

std::vector<Trusted> TrustStore::list() const {
  try {
    // Whoever writes it decides what is accepted.
    const base::Fd file = base::open_own_file(path_, 022);
    if (!file) return {};
    return parse_trusted(base::read_all(file.get(), kMaxTrustBytes, path_));
  } catch (const Error& error) {
    throw Error("cannot read which configurations were accepted, in " + base::in_quotes(path_) + ": " + error.problem(),
                "remove the file: each folder is asked about again then");
  }
}

bool TrustStore::accepts(std::string_view folder, std::string_view digest) const {
  const std::vector<Trusted> all = list();
  return std::any_of(all.begin(), all.end(),
                     [&](const Trusted& one) { return one.folder == folder && one.digest == digest; });
}

void TrustStore::accept(const std::string& folder, const std::string& digest) {
  const base::FileLock lock = base::FileLock::acquire(path_ + ".lock");
  std::vector<Trusted> all = list();
  if (const auto before = find_folder(all, folder); before != all.end()) all.erase(before);
  if (all.size() >= kMostTrusted) all.erase(all.begin(), all.end() - static_cast<ptrdiff_t>(kMostTrusted - 1));
  all.push_back(
      {folder, digest, std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())});
  write(all);
}

bool TrustStore::forget(std::string_view folder) {
  const base::FileLock lock = base::FileLock::acquire(path_ + ".lock");
  std::vector<Trusted> all = list();
  const auto found = find_folder(all, folder);
  if (found == all.end()) return false;
  all.erase(found);
  write(all);
  return true;
}

void TrustStore::write(const std::vector<Trusted>& all) const {
  Json folders = Json::array();
  for (const Trusted& one : all) {
    folders.push_back(Json{
        {"folder", one.folder}, {"digest", one.digest}, {"accepted_unix_ms", one.accepted.time_since_epoch().count()}});
  }
  std::string text;
  try {
    // Strictly: a name that is no UTF-8 must not be kept as another one.
    text = Json{{"version", kTrustFormat}, {"folders", std::move(folders)}}.dump() + "\n";
  } catch (const Json::exception&) {
    throw Error("cannot keep that a configuration was accepted: its folder's name is not valid UTF-8",
                "give the folder another name");
  }
  base::write_file_atomic(path_, text);
}

}  // namespace caisson::config
