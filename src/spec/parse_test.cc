// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "base/error.h"
#include "spec/sandbox_spec.h"

namespace caisson::spec {
namespace {

using namespace std::chrono_literals;
using base::Error;

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string shown(const PortPublish& port) {
  return port.host_address + " " + std::to_string(port.host_port) + " " + std::to_string(port.guest_port);
}

TEST(ParsePort, AllForms) {
  EXPECT_EQ(shown(parse_port("80")), "127.0.0.1 0 80");
  EXPECT_EQ(shown(parse_port("8080:80")), "127.0.0.1 8080 80");
  EXPECT_EQ(shown(parse_port("8080:80/tcp")), "127.0.0.1 8080 80");
  EXPECT_EQ(shown(parse_port("0.0.0.0:8080:80")), "0.0.0.0 8080 80");
  EXPECT_EQ(shown(parse_port("10.0.0.1::80")), "10.0.0.1 0 80");
  EXPECT_EQ(shown(parse_port("127.0.0.1:0:80")), "127.0.0.1 0 80");
  EXPECT_EQ(shown(parse_port("0:80")), "127.0.0.1 0 80");
  EXPECT_EQ(shown(parse_port("[::1]:8080:80")), "::1 8080 80");
  EXPECT_EQ(shown(parse_port("[fe80::1]::65535")), "fe80::1 0 65535");
}

TEST(ParsePort, RefusesEverythingElse) {
  for (const char* text : {"",
                           ":",
                           "::",
                           "0",
                           "80:0",
                           "00:80",
                           "65536",
                           "8080:65536",
                           "-1:80",
                           "8080:+80",
                           " 80",
                           "80 ",
                           "8080:80/udp",
                           "8080:80/",
                           "localhost:1:2",
                           "1.2.3:1:2",
                           "1.2.3.4.5:1:2",
                           "::1:1:2",
                           "[::1]8080:80",
                           "[::1:8080:80",
                           "[1.2.3.4]:1:2",
                           "[]:1:2",
                           "1.2.3.4:5:6:7",
                           "8000-8010:80",
                           "80:x",
                           "0x50:80",
                           "[::1%lo]:1:2"}) {
    EXPECT_EQ(error_of([&] { parse_port(text); }).rfind("cannot publish '" + std::string(text) + "': ", 0), 0U) << text;
  }
  EXPECT_EQ(error_of([] { parse_port(std::string_view("127.0.0.1\0:1:2", 14)); }),
            "cannot publish '127.0.0.1\\x00:1:2': '127.0.0.1\\x00' is not an IP address (write "
            "[HOST_IP:]HOST_PORT:GUEST_PORT, for example 8080:80)");
  EXPECT_EQ(error_of([] { parse_port(std::string_view("80\0", 3)); }),
            "cannot publish '80\\x00': '80\\x00' is not a port (1 to 65535) (write [HOST_IP:]HOST_PORT:GUEST_PORT, for "
            "example 8080:80)");
}

TEST(ParsePort, ErrorNamesTheTextAndTheForm) {
  try {
    parse_port("80:\x1b[2J");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "cannot publish '80:\\x1b[2J': '\\x1b[2J' is not a port (1 to 65535) (write [HOST_IP:]HOST_PORT:GUEST_PORT, "
        "for example 8080:80)");
  }
}

TEST(ParseDuration, AllForms) {
  EXPECT_EQ(parse_duration("90"), 90s);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("15m"), 15min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("1d"), 24h);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1d2h3m4s"), 24h + 2h + 3min + 4s);
  EXPECT_EQ(parse_duration("0"), 0s);  // validate() refuses it with the bounds
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "-1", "+1", "1x", "1.5h", "1h30", "30m1h", "1h1h", "1 h", " 1", "1ms", "1hh", "1e3",
                           "99999999999999999999", "18446744073709551615d", "1000000001d"}) {
    EXPECT_EQ(error_of([&] { parse_duration(text); }),
              "not a duration: '" + std::string(text) + "' (write for example 90, 30s, 15m, 2h or 1h30m)");
  }
}

const char* lookup(const char* key) {
  return std::string(key) == "HOME" ? "/home/x=y" : nullptr;
}

TEST(ParseEnvironment, ValueOrLookUp) {
  EXPECT_EQ(parse_environment("A=1", lookup), "A=1");
  EXPECT_EQ(parse_environment("A=", lookup), "A=");
  EXPECT_EQ(parse_environment("A==b", lookup), "A==b");
  EXPECT_EQ(parse_environment("HOME", lookup), "HOME=/home/x=y");
  EXPECT_EQ(parse_environment("UNSET", lookup), std::nullopt);
  EXPECT_EQ(error_of([] { parse_environment("", lookup); }), "not an environment entry: '' (write KEY=VALUE or KEY)");
  EXPECT_EQ(error_of([] { parse_environment("=1", lookup); }),
            "not an environment entry: '=1' (write KEY=VALUE or KEY)");
  EXPECT_EQ(error_of([] { parse_environment(std::string_view("A\0B=1", 5), lookup); }),
            "not an environment entry: 'A\\x00B=1' (write KEY=VALUE or KEY)");
}

TEST(ParseEnvironmentFile, LinesCommentsAndBlanks) {
  EXPECT_THAT(parse_environment_file("# a comment\n\nA=1\n  B=two words \r\nC=#not a comment\nD=\"quoted\"", "f"),
              testing::ElementsAre("A=1", "B=two words ", "C=#not a comment", "D=\"quoted\""));
  EXPECT_TRUE(parse_environment_file("", "f").empty());
}

TEST(ParseEnvironmentFile, ErrorHasTheLinesNumber) {
  try {
    parse_environment_file("A=1\n#\nBAD\n", "my.env");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.problem(), "'my.env' line 3: 'BAD' has no '='");
  }
  EXPECT_EQ(error_of([] { parse_environment_file("=x", "f"); }),
            "'f' line 1: the name before '=' is missing (write KEY=VALUE)");
  EXPECT_EQ(error_of([] { parse_environment_file("export A=1", "f"); }),
            "'f' line 1: 'export A' has a blank (write KEY=VALUE)");
  EXPECT_EQ(error_of([] { parse_environment_file(std::string_view("A=\0", 3), "f"); }),
            "'f' line 1: it has a NUL byte (write KEY=VALUE)");
}

}  // namespace
}  // namespace caisson::spec
