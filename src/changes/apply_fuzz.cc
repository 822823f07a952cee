// SPDX-License-Identifier: Apache-2.0

// Any bytes as a sandbox's list of changes, compared with a folder and applied to it. Refused: then the folder is as it
// was. Applied: then it holds files, folders and links, none with other mode bits than 0777. Either way nothing beside
// it is touched, and nothing is left behind.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "changes/apply.h"
#include "changes/change_set.h"

namespace caisson::changes {
namespace {

namespace fs = std::filesystem;

// In memory, where there is such a place.
class Place {
 public:
  Place() : in_memory_("TMPDIR", ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") {
    fs::create_directory(temp_ / "outside");
    base::write_file_atomic(temp_ / "outside/secret", "secret");
  }

  void make_host() {
    fs::remove_all(temp_ / "host");
    for (const char* folder : {"host", "host/folder", "host/folder/inner", "host/.git"})
      fs::create_directory(temp_ / folder);
    for (const char* file : {"host/file", "host/folder/a", "host/folder/inner/b", "host/.env", "host/.git/config"})
      base::write_file_atomic(temp_ / file, file, 0644);
    fs::create_symlink("../outside", temp_ / "host/link");
  }
  std::string list() { return temp_ / "list"; }
  std::string host() { return temp_ / "host"; }
  std::string journal() { return temp_ / "journal"; }

  // All that is below a folder, in words.
  std::string state(const std::string& folder) {
    std::string words;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      struct stat info {};
      if (::lstat(entry.path().c_str(), &info) != 0) std::abort();
      words += entry.path().string() + " " + std::to_string(info.st_mode) + " ";
      if (S_ISLNK(info.st_mode)) words += fs::read_symlink(entry.path()).string();
      if (S_ISREG(info.st_mode) && info.st_size < 65536) words += base::read_file(entry.path().string());
      words += "\n";
    }
    return words;
  }
  void check_outside() {
    if (base::read_file(temp_ / "outside/secret") != "secret") std::abort();
    if (std::distance(fs::directory_iterator(temp_ / "outside"), {}) != 1) std::abort();
    for (const auto& entry : fs::directory_iterator(temp_.path())) {
      const std::string name = entry.path().filename();
      if (name != "host" && name != "outside" && name != "list" && name != "journal.lock") std::abort();
    }
  }
  void check_host() {
    for (const auto& entry : fs::recursive_directory_iterator(host())) {
      struct stat info {};
      if (::lstat(entry.path().c_str(), &info) != 0) std::abort();
      const bool known = S_ISREG(info.st_mode) || S_ISDIR(info.st_mode) || S_ISLNK(info.st_mode);
      if (!known || (info.st_mode & 07000U) != 0) std::abort();
      if (entry.path().filename().string().starts_with(".caisson-apply-")) std::abort();
    }
  }

 private:
  base::ScopedEnvironment in_memory_;
  base::TempFolder temp_;
};

void apply_list(Place& place) {
  place.make_host();
  const std::string before = place.state(place.host());
  try {
    const HostRoot root(place.host());
    const Received received = Received::open(place.list());
    const Baseline baseline(INT64_MAX, "");
    const IsMasked is_masked = [](std::string_view path) { return path == ".env"; };
    const ChangeSet set =
        compare({.root = root, .received = received, .baseline = baseline, .names = {}, .is_masked = is_masked});
    apply(set.changes, {.root = root, .received = received, .journal = place.journal(), .log = ""});
  } catch (const base::Error&) {
    if (place.state(place.host()) != before) std::abort();
  }
  place.check_host();
  place.check_outside();
}

}  // namespace
}  // namespace caisson::changes

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static caisson::changes::Place place;
  const std::string text(reinterpret_cast<const char*>(data), size);
  caisson::base::write_file_atomic(place.list(), text);
  caisson::changes::apply_list(place);
  return 0;
}
