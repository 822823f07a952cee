// SPDX-License-Identifier: Apache-2.0

#include "agents/find.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::agents {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string text_of_agent(const std::string& name) {
  return "version = 1\nname = \"" + name + "\"\ndescription = \"Mine\"\ncommand = [\"mine\"]\n";
}

class FindAgent : public testing::Test {
 protected:
  FindAgent() { base::make_folders(own_); }

  static std::string refusal_to_find(const std::string& what) {
    try {
      find_agent(what);
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }

  const base::TempFolder home_;
  const base::ScopedEnvironment config_{"XDG_CONFIG_HOME", (home_ / "config").c_str()};
  const std::string own_ = home_ / "config/caisson/agents";
};

TEST_F(FindAgent, ByNameTheUsersOwnBeforeTheBuiltIn) {
  EXPECT_EQ(find_agent("shell").origin, Origin::kBuiltIn);
  base::write_file_atomic(own_ + "/shell.toml", text_of_agent("shell"));
  const Agent found = find_agent("shell");
  EXPECT_EQ(found.origin, Origin::kOwn);
  EXPECT_EQ(found.path, own_ + "/shell.toml");
  EXPECT_EQ(found.definition.description, "Mine");
}

TEST_F(FindAgent, ByPath) {
  base::write_file_atomic(home_ / "any name.toml", text_of_agent("mine"));
  const Agent found = find_agent(home_ / "any name.toml");
  EXPECT_EQ(found.origin, Origin::kPath);
  EXPECT_EQ(found.definition.name, "mine");
  EXPECT_THAT(refusal_to_find(home_ / "none"), HasSubstr("there is no such file"));
  EXPECT_THAT(refusal_to_find("none.toml"), HasSubstr("there is no such file"));
}

TEST_F(FindAgent, OneThatIsNotThereIsToldWithThoseThatAre) {
  EXPECT_THAT(refusal_to_find("other"),
              AllOf(HasSubstr("there is no agent 'other'"), HasSubstr("claude, codex, gemini")));
  EXPECT_THAT(refusal_to_find("Other"), HasSubstr("there is no agent 'Other'"));
}

TEST_F(FindAgent, NobodyElseMayHaveWrittenIt) {
  const std::string path = own_ + "/mine.toml";
  base::write_file_atomic(path, text_of_agent("mine"));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  for (const std::string& what : {std::string("mine"), path})
    EXPECT_THAT(refusal_to_find(what), AllOf(HasSubstr("'" + path + "'"), HasSubstr("may write to it")));
  ASSERT_EQ(::symlink("mine.toml", (own_ + "/link.toml").c_str()), 0);
  EXPECT_NE(refusal_to_find("link"), "");
  EXPECT_NE(refusal_to_find(own_ + "/link.toml"), "");
}

TEST_F(FindAgent, AFileOfTheFolderHasTheNameOfItsAgent) {
  base::write_file_atomic(own_ + "/mine.toml", text_of_agent("other"));
  EXPECT_THAT(refusal_to_find("mine"), AllOf(HasSubstr("its name is 'other'"), HasSubstr("call the file other.toml")));
}

TEST_F(FindAgent, TheListHasEveryAgentAndWhatIsWrong) {
  base::write_file_atomic(own_ + "/mine.toml", text_of_agent("mine"));
  base::write_file_atomic(own_ + "/claude.toml", text_of_agent("claude"));
  base::write_file_atomic(own_ + "/broken.toml", "version = 1\nx = 1\n");
  base::write_file_atomic(own_ + "/notes.txt", "");
  std::vector<std::string> names;
  const std::vector<ListedAgent> list = list_agents();
  for (const ListedAgent& one : list) names.push_back(one.name);
  EXPECT_THAT(names, testing::ElementsAre("broken", "claude", "codex", "gemini", "mine", "opencode", "shell"));
  EXPECT_FALSE(list[0].definition);
  EXPECT_THAT(list[0].problem, HasSubstr("line 2: the key 'x' is not known"));
  EXPECT_EQ(list[1].origin, Origin::kOwn);
  EXPECT_EQ(list[2].origin, Origin::kBuiltIn);
  EXPECT_EQ(list[4].origin, Origin::kOwn);
}

}  // namespace
}  // namespace caisson::agents
