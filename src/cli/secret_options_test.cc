// SPDX-License-Identifier: Apache-2.0

#include "cli/secret_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "secrets/known_services.h"

namespace caisson::cli {
namespace {

using secrets::Definition;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string refusal_of(const SecretOptions& options, const secrets::Metadata& metadata = {}) {
  try {
    definition_of(options, metadata);
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(SecretOptions, OfAKnownServiceNeedNothingElse) {
  const Definition github = definition_of({.name = "github"}, {});
  EXPECT_THAT(github.rules, ElementsAre("api.github.com:443", "github.com:443", "uploads.github.com:443"));
  EXPECT_EQ(github.places, secrets::find_service("github")->places);
  EXPECT_FALSE(github.command);
  const Definition own = definition_of({.name = "gitlab", .hosts = {"git.example.com"}}, {});
  EXPECT_THAT(own.rules, ElementsAre("git.example.com:443"));
  EXPECT_EQ(own.places, secrets::find_service("gitlab")->places);
  EXPECT_THAT(definition_of({.name = "openai", .path = "/v1/**", .methods = {"POST"}}, {}).rules,
              ElementsAre("api.openai.com:443 POST /v1/**"));
}

TEST(SecretOptions, OfAnotherSayWhere) {
  EXPECT_THAT(refusal_of({.name = "mine"}), testing::AllOf(HasSubstr("'mine' has no host"), HasSubstr("anthropic, ")));
  EXPECT_THAT(refusal_of({.name = "mine", .hosts = {"a.example"}}), HasSubstr("no place in a request"));
  EXPECT_THAT(refusal_of({.name = "npm"}),
              HasSubstr("'npm' has no host that it may be sent to (name it: --host HOST)"));
  EXPECT_THAT(refusal_of({.name = "aws"}), HasSubstr("cannot be used yet"));
  const Definition mine = definition_of(
      {.name = "mine", .hosts = {"a.example"}, .headers = {"X-Key: {}"}, .queries = {"key"}, .basics = {"me"}}, {});
  EXPECT_EQ(mine.places.size(), 3U);
  EXPECT_EQ(refusal_of({.name = "mine", .hosts = {"a.example"}, .queries = {"key"}}), "");
}

TEST(SecretOptions, WhatIsNotSaidStaysAsItWas) {
  secrets::Metadata metadata;
  const Definition before = definition_of(
      {.name = "mine", .hosts = {"a.example"}, .queries = {"key"}, .from_command = "pass show mine", .max_age = "1m"},
      {});
  EXPECT_EQ(before.command->max_age, std::chrono::minutes(1));
  metadata.put({.definition = before, .changed = {}});
  Definition now = definition_of({.name = "mine"}, metadata);
  EXPECT_EQ(now.rules, before.rules);
  EXPECT_EQ(now.places, before.places);
  EXPECT_FALSE(now.command) << "the value comes from stdin now";
  now = definition_of({.name = "mine", .from_command = "true"}, metadata);
  EXPECT_EQ(now.command->max_age, secrets::kDefaultMaxAge);
  EXPECT_THAT(refusal_of({.name = "mine", .hosts = {"b.example"}}, metadata), HasSubstr("no place in a request"));
}

TEST(SecretOptions, SourcesExcludeEachOther) {
  EXPECT_THAT(refusal_of({.name = "github", .from_env = "A", .from_command = "b"}), HasSubstr("exclude each other"));
  EXPECT_THAT(refusal_of({.name = "github", .max_age = "1m"}), HasSubstr("for values of --from-command"));
  EXPECT_THAT(refusal_of({.name = "github", .from_command = "true", .max_age = "25h"}), HasSubstr("24 hours"));
  EXPECT_THAT(refusal_of({.name = "github", .from_command = "a\nb"}), HasSubstr("no text"));
}

TEST(SecretOptions, WhatMayBeAValueIsInNoRefusal) {
  const std::string stray = refusal_of({.name = "github", .stray = {"hunter2-hunter2"}});
  EXPECT_THAT(stray, HasSubstr("not taken from the command line"));
  EXPECT_THAT(stray, Not(HasSubstr("hunter2")));
  const std::string header =
      refusal_of({.name = "mine", .hosts = {"a.example"}, .headers = {"Authorization: Bearer hunter2"}});
  EXPECT_THAT(header, HasSubstr("exactly one {}"));
  EXPECT_THAT(header, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace caisson::cli
