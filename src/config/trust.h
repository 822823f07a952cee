// SPDX-License-Identifier: Apache-2.0

// Which folders' configurations the user has accepted: data_folder()/trusted.json. One digest for each folder, that of
// the file as it was shown; a file that was changed, also back to what it was before, or that is in another folder, is
// asked about again.
//
// Blocking file work. All functions throw base::Error; one that cannot read what was accepted accepts nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::config {

// Where there are more, the oldest are asked about again.
inline constexpr size_t kMostTrusted = 1000;

struct Trusted {
  std::string folder;  // absolute, without links
  std::string digest;
  std::chrono::sys_time<std::chrono::milliseconds> accepted;
};

class TrustStore {
 public:
  // This user's.
  TrustStore();
  explicit TrustStore(std::string path) : path_(std::move(path)) {}

  bool accepts(std::string_view folder, std::string_view digest) const;
  // In place of what was accepted for the folder before. The folder's name must be UTF-8.
  void accept(const std::string& folder, const std::string& digest);
  // False: there was nothing.
  bool forget(std::string_view folder);
  // The oldest first.
  std::vector<Trusted> list() const;

 private:
  void write(const std::vector<Trusted>& all) const;

  std::string path_;
};

}  // namespace caisson::config
