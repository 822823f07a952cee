// SPDX-License-Identifier: Apache-2.0

#include "spec/sandbox_spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"

namespace caisson::spec {
namespace {

// What validate says about a good spec that `change` was done to; "" when it is fine.
std::string verdict(const std::function<void(SandboxSpec&)>& change) {
  SandboxSpec spec;
  spec.name = "web";
  change(spec);
  try {
    validate(spec);
    return "";
  } catch (const base::Error& error) {
    return error.what();
  }
}

TEST(Validate, DefaultsAreFine) {
  EXPECT_EQ(verdict([](SandboxSpec&) {}), "");
}

TEST(Validate, EachBoundIsInclusiveAndNamed) {
  EXPECT_EQ(verdict([](auto& s) { s.cpus = 1; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.cpus = 64; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.cpus = 0; }), "--cpus is 0 (it can be 1 to 64)");
  EXPECT_EQ(verdict([](auto& s) { s.cpus = 65; }), "--cpus is 65 (it can be 1 to 64)");
  EXPECT_EQ(verdict([](auto& s) { s.memory = base::mebibytes(128); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.memory = base::gibibytes(1024); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.memory = base::mebibytes(127); }), "--memory is 127M (it can be 128M to 1T)");
  EXPECT_NE(verdict([](auto& s) { s.memory.count = base::gibibytes(1024).count + 1; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.disk = base::mebibytes(64); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.disk = base::mebibytes(63); }), "--disk is 63M (it can be 64M to 16T)");
  EXPECT_NE(verdict([](auto& s) { s.disk.count = UINT64_MAX; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.pids = 0; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.pids = 16; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.pids = 15; }), "--pids is 15 (it can be 16 to 4194304, or 0 for no limit)");
  EXPECT_NE(verdict([](auto& s) { s.pids = 4194305; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::seconds(1); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::hours(365 * 24); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::seconds(0); }),
            "--timeout is 0 seconds (it can be 1s to 365d)");
  EXPECT_NE(verdict([](auto& s) { s.timeout = std::chrono::seconds(INT64_MIN); }), "");
  EXPECT_NE(verdict([](auto& s) { s.timeout = std::chrono::seconds(INT64_MAX); }), "");
}

TEST(Validate, ImageEngineAndName) {
  EXPECT_NE(verdict([](auto& s) { s.name = "../x"; }), "");
  EXPECT_NE(verdict([](auto& s) { s.image = ""; }), "");
  EXPECT_NE(verdict([](auto& s) { s.image = std::string("a\0b", 3); }), "");
  EXPECT_NE(verdict([](auto& s) { s.engine = ""; }), "");
}

TEST(Validate, Environment) {
  EXPECT_EQ(verdict([](auto& s) { s.environment = {"A=", "B=x=y"}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.environment = {"A"}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.environment = {"=A"}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.environment = {std::string("A=\0", 3)}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.environment = {"A=\xff"}; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.environment.assign(1024, "A=1"); }), "");
  EXPECT_NE(verdict([](auto& s) { s.environment.assign(1025, "A=1"); }), "");
}

TEST(Validate, Ports) {
  EXPECT_EQ(verdict([](auto& s) {
              s.ports = {{"127.0.0.1", 80, 80}, {"::1", 80, 80}, {"127.0.0.1", 0, 80}, {"127.0.0.1", 0, 80}};
            }),
            "");
  EXPECT_EQ(verdict([](auto& s) {
              s.ports = {{"127.0.0.1", 80, 80}, {"127.0.0.1", 80, 81}};
            }),
            "--publish: the port 80 of '127.0.0.1' is given twice");
  EXPECT_NE(verdict([](auto& s) { s.ports = {{"127.0.0.1", 80, 0}}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.ports = {{"localhost", 80, 80}}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.ports = {{std::string("127.0.0.1\0x", 11), 80, 80}}; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.ports.assign(256, {"127.0.0.1", 0, 80}); }), "");
  EXPECT_NE(verdict([](auto& s) { s.ports.assign(257, {"127.0.0.1", 0, 80}); }), "");
}

TEST(Validate, Command) {
  EXPECT_EQ(verdict([](auto& s) { s.command.argv = {"sh", "", "-c"}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.command.argv = {""}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.command.argv = {"sh", "\xc0\x80"}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.command.argv = {std::string("a\0b", 3)}; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.command.argv = {std::string(128U << 10, 'x')}; }), "");
  EXPECT_NE(verdict([](auto& s) { s.command.argv = {std::string((128U << 10) + 1, 'x')}; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.command.argv.assign(4096, "x"); }), "");
  EXPECT_NE(verdict([](auto& s) { s.command.argv.assign(4097, "x"); }), "");
  EXPECT_NE(verdict([](auto& s) { s.command.folder = "work"; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.command.folder = "/work"; }), "");
  EXPECT_NE(verdict([](auto& s) { s.command.user = std::string("root\0", 5); }), "");
}

TEST(Validate, AllTextTogetherIsBounded) {
  EXPECT_NE(verdict([](auto& s) { s.command.argv.assign(5, std::string(128U << 10, 'x')); }), "");
}

}  // namespace
}  // namespace caisson::spec
