// SPDX-License-Identifier: Apache-2.0

#include "image/apt_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/temp_folder_for_test.h"
#include "image/bootstrap.h"

namespace caisson::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AptSources, OneLine) {
  EXPECT_THAT(parse_one_line_sources("# comment\n"
                                     "deb http://m.test/debian bookworm main contrib # why\n"
                                     "deb [arch=amd64  signed-by=/k.gpg] http://m.test/debian bookworm-updates main\n"
                                     "deb-src http://m.test/debian bookworm main\n"
                                     "deb http://m.test/debian trixie main\n"
                                     "deb http://m.test/debian bookworm-backports main\n"
                                     "deb http://other.test/ bookworm stable\n"
                                     "deb cdrom:[Debian] bookworm main\n",
                                     "bookworm"),
              ElementsAre("deb http://m.test/debian bookworm main contrib",
                          "deb [arch=amd64 signed-by=/k.gpg] http://m.test/debian bookworm-updates main"));
}

TEST(AptSources, Deb822) {
  EXPECT_THAT(
      parse_deb822_sources("Types: deb deb-src\n"
                           "# a comment\n"
                           "URIs: http://a.test/debian http://b.test/debian\n"
                           "Suites: bookworm\n bookworm-updates\n"
                           "Components: main\n"
                           "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
                           "\n"
                           "Types: deb\nURIs: http://off.test/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"
                           "\n"
                           "Types: deb-src\nURIs: http://src.test/debian\nSuites: bookworm\nComponents: main\n",
                           "bookworm"),
      ElementsAre(
          "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.test/debian bookworm main",
          "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://b.test/debian bookworm main",
          "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.test/debian bookworm-updates main",
          "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://b.test/debian bookworm-updates main"));
}

TEST(AptSources, OfTheMachine) {
  const base::TempFolder folder;
  const std::string apt = folder.path() + "/apt";
  const std::string own = folder.path() + "/own";
  std::filesystem::create_directories(apt + "/sources.list.d");
  std::filesystem::create_directories(own);
  try {
    debian_sources(apt, own, "bookworm");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.hint(), HasSubstr(own + "/apt.list"));
  }
  // Another publisher with Debian's suite name, told by its key; a switched off file; a list of mirrors.
  base::write_file_atomic(apt + "/mirrors.list", "http://first.test/debian priority:1\nhttp://second.test/debian\n");
  base::write_file_atomic(apt + "/sources.list", "deb mirror+file:" + apt + "/mirrors.list bookworm main\n");
  base::write_file_atomic(
      apt + "/sources.list.d/other.sources",
      "Types: deb\nURIs: http://other.test/debian\nSuites: bookworm\nComponents: main\nSigned-By: /k.gpg\n");
  base::write_file_atomic(apt + "/sources.list.d/x.list.disabled", "deb http://off.test/debian bookworm main\n");
  EXPECT_THAT(debian_sources(apt, own, "bookworm"), ElementsAre("deb http://first.test/debian bookworm main"));
  // The user's own word comes first.
  base::write_file_atomic(own + "/apt.list", "deb http://mine.test/debian bookworm main\n");
  EXPECT_THAT(debian_sources(apt, own, "bookworm"), ElementsAre("deb http://mine.test/debian bookworm main"));
}

TEST(BootstrapRemedy, NamesTheFileForAnotherMirror) {
  const base::TempFolder folder;
  const base::ScopedEnvironment config("XDG_CONFIG_HOME", folder.path().c_str());
  EXPECT_THAT(bootstrap_remedy("E: Could not resolve 'mirror.test'"),
              HasSubstr("'" + base::config_folder() + "/apt.list'"));
}

}  // namespace
}  // namespace caisson::image
