// SPDX-License-Identifier: Apache-2.0

#include "keeper/own_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/temp_folder_for_test.h"

namespace caisson::keeper {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A home whose configuration is kept in a folder of dotfiles.
class OwnPlaces : public ::testing::Test {
 protected:
  OwnPlaces() {
    fs::create_directories(home_ + "/dotfiles/config");
    fs::create_directory_symlink("dotfiles/config", home_ + "/.config");
    fs::create_directories(home_ + "/project");
    fs::create_directories(home_ + "/run");
    fs::permissions(home_ + "/run", fs::perms::owner_all);
  }

  std::string refusal(const std::string& workspace) const {
    try {
      own_places_in(workspace);
      return "";
    } catch (const base::Error& error) {
      return error.what();
    }
  }

  base::TempFolder folder_;
  std::string home_ = fs::canonical(folder_.path()).string();
  base::ScopedEnvironment set_home_{"HOME", home_.c_str()};
  base::ScopedEnvironment data_{"XDG_DATA_HOME", nullptr};
  base::ScopedEnvironment cache_{"XDG_CACHE_HOME", nullptr};
  base::ScopedEnvironment config_{"XDG_CONFIG_HOME", nullptr};
  base::ScopedEnvironment run_{"XDG_RUNTIME_DIR", (home_ + "/run").c_str()};
};

TEST_F(OwnPlaces, AreFoundByEachOfTheirNames) {
  EXPECT_THAT(own_places_in(home_), ElementsAre(".cache/caisson", ".config/caisson", ".local/share/caisson",
                                                "dotfiles/config/caisson", "run/caisson"));
  EXPECT_THAT(own_places_in(home_ + "/dotfiles"), ElementsAre("config/caisson"));
  EXPECT_THAT(own_places_in(home_ + "/project"), IsEmpty());
  EXPECT_THAT(own_places_in("/"), testing::Contains(home_.substr(1) + "/.cache/caisson"));
}

TEST_F(OwnPlaces, AreNoWorkspaces) {
  for (const char* own : {"/.local/share/caisson", "/.local/share/caisson/sandboxes/x", "/dotfiles/config/caisson"})
    EXPECT_THAT(refusal(home_ + own), HasSubstr("Caisson's own")) << own;
  EXPECT_EQ(refusal(home_ + "/.local/share"), "");
}

}  // namespace
}  // namespace caisson::keeper
