// SPDX-License-Identifier: Apache-2.0

#include "spec/sandbox_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"

namespace caisson::spec {
namespace {

using testing::HasSubstr;

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
  EXPECT_EQ(verdict([](auto& s) { s.memory.count = base::gibibytes(1024).count + 1; }),
            "--memory is 1099511627777 (it can be 128M to 1T)");
  EXPECT_EQ(verdict([](auto& s) { s.disk = base::mebibytes(64); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.disk = base::mebibytes(63); }), "--disk is 63M (it can be 64M to 16T)");
  EXPECT_EQ(verdict([](auto& s) { s.disk.count = UINT64_MAX; }),
            "--disk is 18446744073709551615 (it can be 64M to 16T)");
  EXPECT_EQ(verdict([](auto& s) { s.pids = 0; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.pids = 16; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.pids = 15; }), "--pids is 15 (it can be 16 to 4194304, or 0 for no limit)");
  EXPECT_EQ(verdict([](auto& s) { s.pids = 4194305; }),
            "--pids is 4194305 (it can be 16 to 4194304, or 0 for no limit)");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::seconds(1); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::hours(365 * 24); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::seconds(0); }),
            "--timeout is 0 seconds (it can be 1s to 365d)");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::seconds(INT64_MIN); }),
            "--timeout is -9223372036854775808 seconds (it can be 1s to 365d)");
  EXPECT_EQ(verdict([](auto& s) { s.timeout = std::chrono::seconds(INT64_MAX); }),
            "--timeout is 9223372036854775807 seconds (it can be 1s to 365d)");
}

TEST(Validate, ImageEngineAndName) {
  EXPECT_EQ(
      verdict([](auto& s) { s.name = "../x"; }),
      "not a sandbox name: '../x' (a name has 1 to 63 letters, digits, '_', '.' or '-', the first a letter or digit)");
  EXPECT_EQ(verdict([](auto& s) { s.image = ""; }), "--image is empty (see 'caisson image ls')");
  EXPECT_EQ(verdict([](auto& s) { s.image = std::string("a\0b", 3); }), "--image has a NUL byte");
  EXPECT_EQ(verdict([](auto& s) { s.engine = ""; }), "--engine is empty (see 'caisson doctor')");
}

TEST(Validate, Environment) {
  EXPECT_EQ(verdict([](auto& s) { s.environment = {"A=", "B=x=y"}; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.environment = {"A"}; }), "not an environment entry: 'A' (write KEY=VALUE)");
  EXPECT_EQ(verdict([](auto& s) { s.environment = {"=A"}; }), "not an environment entry: '=A' (write KEY=VALUE)");
  EXPECT_EQ(verdict([](auto& s) { s.environment = {std::string("A=\0", 3)}; }), "an environment entry has a NUL byte");
  EXPECT_EQ(verdict([](auto& s) { s.environment = {"A=\xff"}; }),
            "an environment entry is not valid UTF-8: 'A=\\xff' (put such bytes into a file and copy it in)");
  EXPECT_EQ(verdict([](auto& s) { s.environment.assign(1024, "A=1"); }), "");
  EXPECT_EQ(verdict([](auto& s) { s.environment.assign(1025, "A=1"); }),
            "1025 environment entries were given (at most 1024 are possible)");
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
  EXPECT_EQ(verdict([](auto& s) {
              s.ports = {{"127.0.0.1", 80, 0}};
            }),
            "--publish: the sandbox's port is 0 (it can be 1 to 65535)");
  EXPECT_EQ(verdict([](auto& s) {
              s.ports = {{"localhost", 80, 80}};
            }),
            "--publish: 'localhost' is not an IP address (write for example 127.0.0.1:8080:80 or [::1]:8080:80)");
  EXPECT_EQ(verdict([](auto& s) {
              s.ports = {{std::string("127.0.0.1\0x", 11), 80, 80}};
            }),
            "--publish: '127.0.0.1\\x00x' is not an IP address (write for example 127.0.0.1:8080:80 or [::1]:8080:80)");
  EXPECT_EQ(verdict([](auto& s) { s.ports.assign(256, {"127.0.0.1", 0, 80}); }), "");
  EXPECT_EQ(verdict([](auto& s) {
              s.ports.assign(257, {"127.0.0.1", 0, 80});
            }),
            "257 ports were given to publish (at most 256 are possible)");
}

TEST(Validate, AWorkspaceWhosePathIsNoText) {
  EXPECT_EQ(verdict([](auto& s) { s.workspaces = {{.id = 1, .host = "/a\xff", .guest = "/a\xff"}}; }),
            "cannot share '/a\\xff': its path is not valid UTF-8 (rename it, work in another folder, or share nothing: "
            "-w none)");
}

TEST(Validate, Command) {
  EXPECT_EQ(verdict([](auto& s) { s.command.argv = {"sh", "", "-c"}; }), "");
  EXPECT_EQ(verdict([](auto& s) { s.command.argv = {""}; }), "the command's name is empty");
  EXPECT_THAT(verdict([](auto& s) { s.command.argv = {"sh", "\xc0\x80"}; }), HasSubstr("is not valid UTF-8: "));
  EXPECT_THAT(verdict([](auto& s) { s.command.argv = {std::string("a\0b", 3)}; }), HasSubstr("has a NUL byte"));
  EXPECT_EQ(verdict([](auto& s) { s.command.argv = {std::string(128U << 10, 'x')}; }), "");
  EXPECT_THAT(verdict([](auto& s) { s.command.argv = {std::string((128U << 10) + 1, 'x')}; }),
              HasSubstr("is 131073 bytes long (a single string has at most 131072 bytes)"));
  EXPECT_EQ(verdict([](auto& s) { s.command.argv.assign(4096, "x"); }), "");
  EXPECT_THAT(verdict([](auto& s) { s.command.argv.assign(4097, "x"); }), HasSubstr("the command has 4097 arguments"));
  EXPECT_THAT(verdict([](auto& s) { s.command.folder = "work"; }),
              HasSubstr("--workdir: 'work' is not an absolute path (begin it with /)"));
  EXPECT_EQ(verdict([](auto& s) { s.command.folder = "/work"; }), "");
  EXPECT_THAT(verdict([](auto& s) { s.command.user = std::string("root\0", 5); }), HasSubstr("has a NUL byte"));
}

TEST(Validate, AllTextTogetherIsBounded) {
  EXPECT_THAT(verdict([](auto& s) { s.command.argv.assign(5, std::string(128U << 10, 'x')); }),
              HasSubstr("the command and its environment have "));
}

}  // namespace
}  // namespace caisson::spec
