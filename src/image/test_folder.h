// SPDX-License-Identifier: Apache-2.0

// A folder for one test, removed with all that is in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace caisson::image {

class TestFolder {
 public:
  TestFolder() {
    path_ = std::filesystem::temp_directory_path() / "caisson-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw base::system_error("cannot make", path_);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace caisson::image
