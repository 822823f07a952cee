// SPDX-License-Identifier: Apache-2.0

#include "guest/container_trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "guest/container_runtime.h"
#include "guest/trust.h"

namespace caisson::guest {
namespace {

using base::Json;
using ::testing::Contains;
using ::testing::ElementsAre;

RuntimeCall call_of(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return parse_runtime_call(arguments);
}

TEST(RuntimeCall, IsReadAsTheShimAndTheBuilderWriteIt) {
  const RuntimeCall shim = call_of({"runc", "--root", "/run/runc/create", "--log", "/b/log.json", "--log-format",
                                    "json", "create", "--bundle", "/b", "--pid-file", "/b/init.pid", "0123abcd"});
  EXPECT_EQ(shim.reads, RuntimeCall::Reads::kContainer);
  EXPECT_EQ(shim.path, "/b/config.json");
  EXPECT_EQ(call_of({"runc", "--log=/x", "run", "--bundle=/c", "--no-pivot", "id"}).path, "/c/config.json");
  EXPECT_EQ(call_of({"runc", "run", "-b", "/c", "id"}).path, "/c/config.json");
  EXPECT_EQ(call_of({"runc", "run", "id"}).path, "./config.json");
  const RuntimeCall exec = call_of({"runc", "exec", "--process", "/tmp/p1", "--detach", "id"});
  EXPECT_EQ(exec.reads, RuntimeCall::Reads::kProcess);
  EXPECT_EQ(exec.path, "/tmp/p1");
}

TEST(RuntimeCall, ThatStartsNothingIsLeftAlone) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"runc"},
                                                                 {"runc", "--root", "create"},
                                                                 {"runc", "--version"},
                                                                 {"runc", "kill", "--all", "create", "9"},
                                                                 {"runc", "exec", "id", "sh", "--process"},
                                                                 {"runc", "state", "run"}})
    EXPECT_EQ(call_of(words).reads, RuntimeCall::Reads::kNothing) << words.back();
}

TEST(ContainerTrust, AddsMountsAndVariables) {
  Json configuration = {{"process", {{"env", {"PATH=/bin", "SSL_CERT_DIRECTORY=x"}}}},
                        {"mounts", Json::array({{{"destination", "/dev"}, {"type", "tmpfs"}}})},
                        {"hostname", "kept"}};
  add_trust_to_container(configuration, {.bundle = "/bundle.crt"});
  const Json& environment = configuration["process"]["env"];
  EXPECT_EQ(environment.at(0), "PATH=/bin");
  EXPECT_THAT(environment, Contains("SSL_CERT_DIR=/etc/ssl/certs:/etc/pki/tls/certs:/dev/caisson/certs"));
  EXPECT_THAT(environment, Contains("NODE_EXTRA_CA_CERTS=/dev/caisson/authorities.crt"));
  EXPECT_THAT(environment, Contains("REQUESTS_CA_BUNDLE=/dev/caisson/ca-bundle.crt"));
  // Behind /dev, or the tmpfs would hide it; the bundle behind the folder that it is in.
  const Json& mounts = configuration["mounts"];
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts.at(1).at("source"), kTrustFolder);
  EXPECT_EQ(mounts.at(1).at("destination"), "/dev/caisson");
  EXPECT_THAT(mounts.at(1).at("options"), Contains("ro"));
  EXPECT_EQ(mounts.at(2).at("source"), "/bundle.crt");
  EXPECT_EQ(configuration["hostname"], "kept");
}

TEST(ContainerTrust, LeavesWhatTheContainerHasSet) {
  Json process = {{"env", {"NODE_EXTRA_CA_CERTS=/mine.crt", "APT_CONFIG="}}};
  add_trust_to_process(process, {});
  EXPECT_THAT(process["env"], ElementsAre("NODE_EXTRA_CA_CERTS=/mine.crt", "APT_CONFIG=",
                                          "SSL_CERT_DIR=/etc/ssl/certs:/etc/pki/tls/certs:/dev/caisson/certs",
                                          "GIT_SSL_CAPATH=/dev/caisson/certs"));
}

TEST(ContainerTrust, TellsJavaWhereItIsAsked) {
  const std::string option = "-Djavax.net.ssl.trustStore=/dev/caisson/java.jks";
  const auto told = [](Json environment) {
    Json process = {{"env", std::move(environment)}};
    add_trust_to_process(process, {.java = true});
    return process["env"].get<std::vector<std::string>>();
  };
  EXPECT_THAT(told(Json::array()), Contains("JAVA_TOOL_OPTIONS=" + option));
  EXPECT_THAT(told({"A=B"}), Contains("JAVA_TOOL_OPTIONS=" + option));
  EXPECT_EQ(told({"JAVA_TOOL_OPTIONS=-Xmx64m", "A=B"}).at(0), "JAVA_TOOL_OPTIONS=-Xmx64m " + option);
  EXPECT_EQ(told({"JAVA_TOOL_OPTIONS="}).at(0), "JAVA_TOOL_OPTIONS=" + option);
  const std::string own = "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/own.p12";
  EXPECT_EQ(told({own}).at(0), own);
  Json process = {{"env", {"A=B"}}};
  add_trust_to_process(process, {.bundle = "/bundle.crt"});
  for (const Json& variable : process["env"]) EXPECT_FALSE(variable.get<std::string>().starts_with("JAVA"));
}

TEST(ContainerTrust, LeavesWhatIsNoConfiguration) {
  for (const char* text :
       {"{}", "[]", R"({"process":null})", R"({"process":{"env":{"A":"B"}},"mounts":"none"})", "3"}) {
    Json json = Json::parse(text);
    const Json before = json;
    add_trust_to_container(json, {.bundle = "/bundle.crt", .java = true});
    EXPECT_EQ(json, before) << text;
  }
}

TEST(Bundle, TakesAuthoritiesAfterEachOtherInTheSamePlace) {
  const base::TempFolder folder;
  const std::string bundle = folder.path() + "/bundle.crt";
  base::write_file_atomic(bundle, "the image's\n", 0644);
  EXPECT_TRUE(put_into_bundle(bundle, "FIRST, AND LONGER\n"));
  const std::string first = base::read_file(bundle);
  EXPECT_TRUE(first.starts_with("the image's\n\n# ")) << first;
  EXPECT_NE(first.find("\nFIRST, AND LONGER\n"), std::string::npos);
  EXPECT_TRUE(put_into_bundle(bundle, "SECOND\n"));
  const std::string second = base::read_file(bundle);
  EXPECT_EQ(second.size(), first.size());
  EXPECT_NE(second.find("\nSECOND\n"), std::string::npos);
  EXPECT_EQ(second.find("FIRST"), std::string::npos);
  EXPECT_EQ(second.find("LONGER"), std::string::npos);
  // Many, and then few again: nothing stays behind the place.
  EXPECT_TRUE(put_into_bundle(bundle, std::string(100'000, 'M') + "\n"));
  EXPECT_GT(base::read_file(bundle).size(), 100'000U);
  EXPECT_TRUE(put_into_bundle(bundle, "SECOND\n"));
  EXPECT_EQ(base::read_file(bundle), second);
}

TEST(Bundle, KeepsWhatWasWrittenBehindThePlace) {
  const base::TempFolder folder;
  const std::string bundle = folder.path() + "/bundle.crt";
  base::write_file_atomic(bundle, "", 0644);
  EXPECT_TRUE(put_into_bundle(bundle, "FIRST\n"));
  base::write_file_atomic(bundle, base::read_file(bundle) + "more\n", 0644);
  EXPECT_TRUE(put_into_bundle(bundle, "SECOND\n"));
  EXPECT_NE(base::read_file(bundle).find("more\n\n# "), std::string::npos);
}

TEST(Bundle, ThatIsNoFileIsRefused) {
  const base::TempFolder folder;
  EXPECT_FALSE(put_into_bundle(folder.path(), "X\n"));
  EXPECT_FALSE(put_into_bundle(folder.path() + "/missing", "X\n"));
}

}  // namespace
}  // namespace caisson::guest
