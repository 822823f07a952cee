// SPDX-License-Identifier: Apache-2.0

#include "secrets/definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "secrets/known_services.h"

namespace caisson::secrets {
namespace {

using base::Json;
using testing::HasSubstr;
using testing::Not;

template <typename Action>
std::string refusal_when(Action action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

Definition whole() {
  return {.name = "example",
          .rules = {"api.example.com:443 POST /v1/**", "example.org:443"},
          .places = {header_place("Authorization: Bearer {}"), query_place("key"), basic_place("user")},
          .command = Command{.text = "pass show 'example'", .max_age = std::chrono::minutes(1)}};
}

TEST(SecretName, IsPlain) {
  for (const char* name : {"a", "github", "7", "my-key_2.old"}) check_name(name);
  check_name(std::string(kMaxNameBytes, 'a'));
  for (const std::string& name :
       {std::string(), std::string("-rf"), std::string("_x"), std::string(".x"), std::string(".."), std::string("A"),
        std::string("a b"), std::string("a/b"), std::string("a=b"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x1b[2J"), std::string("\xc3\xa4"), std::string("$(id)"), std::string(kMaxNameBytes + 1, 'a')}) {
    const std::string text = refusal_when([&] { check_name(name); });
    EXPECT_THAT(text, HasSubstr("not a secret's name")) << name;
    EXPECT_EQ(text.find_first_of(std::string_view("\n\0\x1b", 3)), std::string::npos);
  }
}

TEST(SecretPlace, OfAHeader) {
  const Place place = header_place("Authorization:  Bearer {} ");
  EXPECT_EQ(place.name, "Authorization");
  EXPECT_EQ(place.form, "Bearer {}");
  EXPECT_EQ(to_string(place), "--header 'Authorization: Bearer {}'");
  for (const char* text :
       {"", "Authorization", "Authorization: Bearer", ": {}", "A B: {}", "X: {}{}", "X: {}\r\nY: z", "X: {}\x01",
        "X\n: {}", "X: \xc3\xa4{}", "Host: {}", "content-length: {}", "Transfer-Encoding: {}", "CONNECTION: {}"})
    EXPECT_NE(refusal_when([&] { header_place(text); }), "") << text;
  EXPECT_THROW(header_place("X: {}" + std::string(300, 'a')), base::Error);
}

TEST(SecretPlace, OfAQueryAndOfBasic) {
  EXPECT_EQ(to_string(query_place("api_key")), "--query api_key");
  EXPECT_EQ(to_string(basic_place("x-access-token")), "--basic x-access-token");
  for (const char* text : {"", "a=b", "a&b", "a b", "a%20", "a\n"})
    EXPECT_THROW(query_place(text), base::Error) << text;
  for (const char* text : {"", "a:b", "a\nb", "\xc3\xa4"}) EXPECT_THROW(basic_place(text), base::Error) << text;
}

// Somebody may write the value itself there.
TEST(SecretPlace, WhatWasWrittenIsInNoRefusal) {
  for (const auto make : {header_place, query_place, basic_place}) {
    const std::string text = refusal_when([&] { make("Authorization: Bearer hunter2:hunter2"); });
    EXPECT_NE(text, "");
    EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  }
}

TEST(SecretDefinition, IsReadAsItWasWritten) {
  EXPECT_EQ(definition_from_json(to_json(whole())), whole());
  Definition plain = whole();
  plain.command.reset();
  EXPECT_EQ(definition_from_json(to_json(plain)), plain);
}

TEST(SecretDefinition, IsReadStrictly) {
  const Json good = to_json(whole());
  const auto changed = [&](const char* key, const Json& value) {
    Json json = good;
    json[key] = value;
    return json;
  };
  for (const Json& json :
       {changed("name", "../x"), changed("name", 7), changed("rules", Json::array()), changed("rules", "x"),
        changed("places", Json::array()), changed("places", Json{{"kind", "header"}}),
        changed("places", Json::array({Json{{"kind", "body"}, {"name", "x"}}})),
        changed("places", Json::array({Json{{"kind", "header"}, {"name", "Host"}, {"form", "{}"}}})),
        changed("places", Json::array({Json{{"kind", "query"}, {"name", "x"}, {"form", "{}"}}})),
        changed("rules", Json(std::vector<std::string>(kMostRules + 1, "a.example"))), changed("command", ""),
        changed("command", "a\nb"), changed("max_age_seconds", 0), changed("max_age_seconds", 1 << 30),
        changed("max_age_seconds", -1), changed("value", "x")})
    EXPECT_THROW(definition_from_json(json), base::Error) << json;
}

TEST(KnownServices, AreDefinitionsOfTheirNames) {
  std::string before;
  for (const KnownService& service : known_services()) {
    EXPECT_GT(service.name, before);
    before = service.name;
    EXPECT_EQ(find_service(service.name), &service);
    EXPECT_FALSE(service.variables.empty()) << service.name;
    const Definition definition{.name = before, .rules = {"a.example"}, .places = service.places};
    EXPECT_EQ(definition_from_json(to_json(definition)), definition);
  }
  EXPECT_EQ(find_service("example"), nullptr);
  EXPECT_EQ(find_service("GitHub"), nullptr);
}

TEST(KnownServices, WhatCannotBeServedYetIsSaid) {
  EXPECT_THAT(refusal_when([] { find_service("aws"); }), HasSubstr("cannot be used yet"));
}

}  // namespace
}  // namespace caisson::secrets
