// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "base/error.h"
#include "spec/sandbox_spec.h"

namespace caisson::spec {
namespace {

using base::Json;

SandboxSpec full_spec() {
  SandboxSpec spec;
  spec.name = "web";
  spec.image = "node";
  spec.engine = "microvm";
  spec.cpus = 3;
  spec.memory = base::mebibytes(300);
  spec.disk = base::gibibytes(5);
  spec.pids = 100;
  spec.timeout = std::chrono::seconds(77);
  spec.environment = {"A=1", "B=\n\t\"ü"};
  spec.ports = {{"::1", 8080, 80}, {"127.0.0.1", 0, 443}};
  spec.workspaces = {{.id = 1, .host = "/w", .guest = "/w", .mode = WorkspaceMode::kOverlay, .file = false},
                     {.id = 2, .host = "/f", .guest = "/g", .mode = WorkspaceMode::kReadOnly, .file = true}};
  spec.masks = {".env*"};
  spec.unmasks = {".env.example"};
  spec.config = ConfigSource{.path = "/w/.caisson.toml", .digest = "ab"};
  spec.command = Command{{"sh", "-c", "echo"}, "root", "/tmp", true, true, 50, 132};
  spec.remove_at_end = false;
  return spec;
}

TEST(SpecJson, RoundTripKeepsEverything) {
  const Json json = to_json(full_spec());
  EXPECT_EQ(to_json(spec_from_json(Json::parse(json.dump()))), json);
  EXPECT_EQ(json.at("memory_bytes"), 300U << 20);
  EXPECT_EQ(json.at("timeout_seconds"), 77);
  EXPECT_EQ(json.at("command").at("columns"), 132);
  EXPECT_EQ(json.at("ports").at(0).at("host_address"), "::1");
  EXPECT_EQ(json.at("config"), (Json{{"path", "/w/.caisson.toml"}, {"digest", "ab"}}));
}

TEST(SpecJson, DefaultsFillWhatIsMissing) {
  const SandboxSpec spec = spec_from_json(Json{{"name", "x"}});
  EXPECT_EQ(spec.image, "base");
  EXPECT_EQ(spec.memory, base::gibibytes(2));
  EXPECT_FALSE(spec.timeout);
  EXPECT_TRUE(spec.remove_at_end);
  EXPECT_EQ(to_json(spec).at("timeout_seconds"), nullptr);
  EXPECT_EQ(to_json(spec).at("config"), nullptr);
}

// A good spec with one value replaced must be refused.
void expect_refused(const char* pointer, const Json& value) {
  Json json = to_json(full_spec());
  json[Json::json_pointer(pointer)] = value;
  EXPECT_THROW(spec_from_json(json), base::Error) << pointer << " = " << value.dump();
}

TEST(SpecJson, RefusesUnknownKeysAtEachLevel) {
  expect_refused("/nmae", "x");
  expect_refused("/command/cwd", "/");
  expect_refused("/ports/0/protocol", "udp");
  expect_refused("/workspaces/0/uid", 0);
  expect_refused("/config/text", "");
}

TEST(SpecJson, RefusesWrongTypesAndRanges) {
  expect_refused("/name", 5);
  expect_refused("/name", nullptr);
  expect_refused("/workspaces", "x");
  expect_refused("/workspaces/0/mode", "copy");
  expect_refused("/workspaces/0/id", 2);
  expect_refused("/workspaces/0/guest", "/etc");
  expect_refused("/workspaces/0/file", true);  // an overlay has no file
  expect_refused("/masks", "x");
  expect_refused("/config", "x");
  expect_refused("/config/digest", nullptr);
  expect_refused("/masks/0", "");
  expect_refused("/cpus", -1);
  expect_refused("/cpus", 1.5);
  expect_refused("/cpus", 4294967297ULL);
  expect_refused("/cpus", "2");
  expect_refused("/memory_bytes", -1);
  expect_refused("/timeout_seconds", 0);
  expect_refused("/timeout_seconds", 1e300);
  expect_refused("/environment", "A=1");
  expect_refused("/environment", Json::array({1}));
  expect_refused("/ports", Json::object());
  expect_refused("/ports", "80");
  expect_refused("/ports/0", nullptr);
  expect_refused("/ports/0/guest_port", 65536);
  expect_refused("/ports/0/guest_port", 0);
  expect_refused("/command", Json::array());
  expect_refused("/command/argv", Json::object());
  expect_refused("/command/rows", -1);
  expect_refused("/command/tty", 1);
  expect_refused("/remove_at_end", "true");
}

TEST(SpecJson, RefusesWhatValidateRefuses) {
  expect_refused("/name", "../../etc");
  expect_refused("/command/argv", Json::array({std::string("a\0b", 3)}));
  EXPECT_THROW(spec_from_json(Json::object()), base::Error);
  EXPECT_THROW(spec_from_json(Json::array()), base::Error);
  EXPECT_THROW(spec_from_json(Json()), base::Error);
}

}  // namespace
}  // namespace caisson::spec
