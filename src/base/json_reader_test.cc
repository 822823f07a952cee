// SPDX-License-Identifier: Apache-2.0

#include "base/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace caisson::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string problem_of(auto&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.problem();
  }
  return "no error";
}

std::string nested(int levels) {
  std::string text;
  for (int i = 1; i < levels; ++i) text += R"({"a":)";
  text += "{}";
  return text + std::string(static_cast<size_t>(levels - 1), '}');
}

TEST(ParseJsonObject, TakesOneObject) {
  EXPECT_EQ(parse_json_object(R"( {"a":[1,2]} )", "it")["a"][1], 2);
}

TEST(ParseJsonObject, RefusesWhatIsNotOneObject) {
  for (const char* text : {"", "1", "[]", "null", "\"x\"", "{", "{}{}", "{} x", "{'a':1}", "{\"a\":1,}", "{\"a\":NaN}",
                           "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}"}) {
    EXPECT_THAT(problem_of([&] { parse_json_object(text, "the record"); }), StartsWith("the record: ")) << text;
  }
}

TEST(ParseJsonObject, BoundsTheDepth) {
  EXPECT_EQ(problem_of([] { parse_json_object(nested(16), "it"); }), "no error");
  EXPECT_THAT(problem_of([] { parse_json_object(nested(17), "it"); }), HasSubstr("deeper than 16"));
  const std::string arrays = R"({"a":)" + std::string(1U << 20, '[');
  EXPECT_THAT(problem_of([&] { parse_json_object(arrays, "it"); }), HasSubstr("deeper than 16"));
}

// Two readers that disagree on which of two equal keys counts are how a check is passed with one value and the work
// done with the other.
TEST(ParseJsonObject, RefusesAKeyThatIsThereTwice) {
  EXPECT_THAT(problem_of([] { parse_json_object(R"({"a":1,"b":{},"a":2})", "it"); }), HasSubstr("'a' is there twice"));
  EXPECT_THAT(problem_of([] { parse_json_object(R"({"o":{"a":1,"a":2}})", "it"); }), HasSubstr("'a' is there twice"));
  EXPECT_EQ(problem_of([] { parse_json_object(R"({"a":[{"x":1},{"x":2}],"x":{"a":1}})", "it"); }), "no error");
}

TEST(JsonReader, ReadsByNameAndType) {
  const Json json = parse_json_object(R"({"s":"x","n":7,"b":true,"v":["a","b"]})", "it");
  JsonReader reader(json, "it");
  EXPECT_EQ(reader.required<std::string>("s"), "x");
  EXPECT_EQ(reader.required<int>("n"), 7);
  EXPECT_TRUE(reader.required<bool>("b"));
  EXPECT_THAT(reader.required<std::vector<std::string>>("v"), ElementsAre("a", "b"));
  EXPECT_EQ(reader.optional<int>("missing", 3), 3);
  EXPECT_FALSE(reader.has("missing"));
  EXPECT_NO_THROW(reader.finish());
}

TEST(JsonReader, NamesAMissingKey) {
  const Json json = Json::object();
  JsonReader reader(json, "exec request");
  EXPECT_EQ(problem_of([&] { reader.required<int>("argv"); }), "exec request: the key 'argv' is missing");
  EXPECT_EQ(problem_of([&] { reader.raw("argv"); }), "exec request: the key 'argv' is missing");
}

TEST(JsonReader, RefusesAKeyNobodyAskedFor) {
  const Json json = parse_json_object("{\"a\":1,\"x\\u001b\":2}", "it");
  JsonReader reader(json, "it");
  reader.required<int>("a");
  EXPECT_EQ(problem_of([&] { reader.finish(); }), "it: the key 'x\\x1b' is not known");
}

TEST(JsonReader, RefusesWhatIsNoObject) {
  const Json json = Json::array();
  EXPECT_EQ(problem_of([&] { JsonReader reader(json, "it"); }), "it is not a JSON object");
}

template <typename Value>
std::string problem_reading(const char* text) {
  const Json json = parse_json_object(text, "it");
  return problem_of([&] { JsonReader(json, "it").required<Value>("k"); });
}

TEST(JsonReader, NeverConvertsBetweenNumbers) {
  const std::string wrong = "it: the key 'k' has a wrong type or range";
  EXPECT_EQ(problem_reading<uint32_t>(R"({"k":-1})"), wrong);
  EXPECT_EQ(problem_reading<uint16_t>(R"({"k":65536})"), wrong);
  EXPECT_EQ(problem_reading<int>(R"({"k":1.5})"), wrong);
  EXPECT_EQ(problem_reading<int>(R"({"k":1.0})"), wrong);
  EXPECT_EQ(problem_reading<int>(R"({"k":true})"), wrong);
  EXPECT_EQ(problem_reading<int>(R"({"k":"1"})"), wrong);
  EXPECT_EQ(problem_reading<int64_t>(R"({"k":18446744073709551615})"), wrong);
  EXPECT_EQ(problem_reading<uint64_t>(R"({"k":18446744073709551615})"), "no error");
  EXPECT_EQ(problem_reading<uint64_t>(R"({"k":18446744073709551616})"), wrong);
  EXPECT_EQ(problem_reading<bool>(R"({"k":1})"), wrong);
  EXPECT_EQ(problem_reading<std::string>(R"({"k":1})"), wrong);
  EXPECT_EQ(problem_reading<std::string>(R"({"k":null})"), wrong);
  EXPECT_EQ(problem_reading<std::vector<std::string>>(R"({"k":["a",1]})"), wrong);
  EXPECT_EQ(problem_reading<std::vector<std::string>>(R"({"k":{"a":"b"}})"), wrong);
}

TEST(ToLine, IsOneLineWhateverTheBytes) {
  EXPECT_EQ(to_line(Json{{"a", "x\ny"}}), R"({"a":"x\ny"})");
  EXPECT_EQ(to_line(Json{{"a", "\xff"}}), "{\"a\":\"\xEF\xBF\xBD\"}");
}

}  // namespace
}  // namespace caisson::base
