// SPDX-License-Identifier: Apache-2.0

#include "gate/request_secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/secrets_for_test.h"

namespace caisson::gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class UsedSecrets : public testing::Test {
 protected:
  // What the server would get of a request on a connection to that place; what is refused: why.
  std::string sent(const std::string& method, const std::string& target, HttpFields fields = {},
                   const std::string& name = "api.example.com", uint16_t port = 443) {
    std::string changed = target;
    RequestParts parts{.method = method, .target = &changed};
    for (auto& [key, value] : fields) parts.fields.push_back({.name = key, .value = &value});
    const RequestSecrets here(secrets.sandbox(), name, port);
    use = here.use(parts);
    if (!use.refusal.empty()) return use.refusal;
    std::string text = changed + "\n";
    for (const auto& [key, value] : fields) text += key + ": " + value + "\n";
    EXPECT_EQ(text.find(kTestValue), std::string::npos) << "the value itself is in what was judged";
    return std::string(expand(text, use.put).reveal());
  }

  SecretsForTest secrets;
  SecretUse use;
};

TEST_F(UsedSecrets, GoIntoTheirHeader) {
  secrets.add("api", {header_place("Authorization: Bearer {}")}, {"api.example.com:443"});
  EXPECT_EQ(sent("GET", "/x", {{"authorization", "Bearer " + kTestPlaceholder}}),
            "/x\nauthorization: Bearer " + kTestValue + "\n");
  EXPECT_THAT(use.names, testing::ElementsAre("api"));
  ASSERT_TRUE(use.scrub);
  EXPECT_EQ(use.scrub->whole(kTestValue), kTestPlaceholder);
  // The scheme's case is the client's (RFC 9110, section 11.1).
  EXPECT_EQ(sent("GET", "/x", {{"authorization", "bearer " + kTestPlaceholder}}),
            "/x\nauthorization: bearer " + kTestValue + "\n");
  EXPECT_EQ(sent("GET", "/x", {{"accept", "*/*"}}), "/x\naccept: */*\n");
  EXPECT_FALSE(use.scrub);
}

TEST_F(UsedSecrets, GoIntoTheirParameterAndAreEscaped) {
  secrets.add("api", {query_place("key")}, {"api.example.com:443"});
  const std::string escaped = "the-value%2Fof%2Bit%3D";
  EXPECT_EQ(sent("GET", "/x?a=b&key=" + kTestPlaceholder + "&c"), "/x?a=b&key=" + escaped + "&c\n");
  EXPECT_EQ(sent("GET", "/x?key=" + kTestPlaceholder), "/x?key=" + escaped + "\n");
  for (const std::string& target :
       {"/x?keys=" + kTestPlaceholder, "/x?key=x" + kTestPlaceholder, "/x?key=" + kTestPlaceholder + "x",
        "/x?" + kTestPlaceholder, "/x?a=1;key=" + kTestPlaceholder, "/key=" + kTestPlaceholder,
        "/x?key=" + kTestPlaceholder + "&other=" + kTestPlaceholder})
    EXPECT_THAT(sent("GET", target), HasSubstr("where the secret does not go")) << target;
}

TEST_F(UsedSecrets, GoIntoBasicAuthenticationOfTheirUser) {
  secrets.add("api", {basic_place("git")}, {"api.example.com:443"});
  EXPECT_EQ(sent("GET", "/x", {{"authorization", "Basic " + to_base64("git:" + kTestPlaceholder)}}),
            "/x\nauthorization: Basic " + to_base64("git:" + kTestValue) + "\n");
  for (const std::string& other :
       {"root:" + kTestPlaceholder, kTestPlaceholder + ":git", "git:" + kTestPlaceholder + "x", ":" + kTestPlaceholder,
        "git:x" + kTestPlaceholder}) {
    EXPECT_THAT(sent("GET", "/x", {{"authorization", "Basic " + to_base64(other)}}),
                HasSubstr("in its header 'authorization', where the secret does not go"))
        << other;
  }
  EXPECT_THAT(sent("GET", "/x", {{"proxy-authorization", "Basic " + to_base64("git:" + kTestPlaceholder)}}),
              HasSubstr("where the secret does not go"));
}

TEST_F(UsedSecrets, GoNowhereElse) {
  secrets.add("api", {header_place("x-api-key: {}")}, {"api.example.com:443"});
  for (const auto& [name, value] : HttpFields{{"x-other", kTestPlaceholder},
                                              {"cookie", "a=" + kTestPlaceholder},
                                              {"x-api-key", kTestPlaceholder + ","},
                                              {"x-api-key", "Bearer " + kTestPlaceholder},
                                              {"x-api-key", to_base64(kTestPlaceholder)},
                                              {"x-api-key", kTestPlaceholder + kTestPlaceholder},
                                              {"user-agent", "x" + to_base64("?" + kTestPlaceholder)}}) {
    EXPECT_THAT(sent("GET", "/x", {{name, value}}), HasSubstr("where the secret does not go")) << name << value;
    EXPECT_THAT(use.put, IsEmpty());
  }
  EXPECT_THAT(sent("GET", "/" + kTestPlaceholder), HasSubstr("in its path"));
  // Also beside one that is where it belongs.
  EXPECT_THAT(sent("GET", "/x", {{"x-api-key", kTestPlaceholder}, {"x-other", kTestPlaceholder}}),
              HasSubstr("in its header 'x-other'"));
  EXPECT_THAT(use.put, IsEmpty());
}

TEST_F(UsedSecrets, GoToNoOtherHostPortMethodOrPath) {
  secrets.add("api", {header_place("x-api-key: {}")}, {"api.example.com:443 POST /v1/**", "*.example.org:8443"});
  const HttpFields asks = {{"x-api-key", kTestPlaceholder}};
  EXPECT_THAT(sent("POST", "/v1/messages", asks), HasSubstr(kTestValue));
  EXPECT_THAT(sent("POST", "/v1/%6dessages?x=/v2", asks), HasSubstr(kTestValue));
  for (const char* name :
       {"example.com", "xapi.example.com", "a.api.example.com", "api.example.com.evil.net", "api.example.co", ""})
    EXPECT_THAT(sent("POST", "/v1/messages", asks, name), HasSubstr("does not go to this host and port")) << name;
  EXPECT_THAT(sent("POST", "/v1/messages", asks, "api.example.com", 8443), HasSubstr("this host and port"));
  EXPECT_THAT(sent("GET", "/v1/messages", asks), HasSubstr("this method and path"));
  for (const char* path : {"/v2/messages", "/v1", "/V1/messages", "/v1/../admin", "/v1/%2e%2e/admin", "/v1/..%2fadmin",
                           "//v1/messages", "/v1/a;b", "*"})
    EXPECT_THAT(sent("POST", path, asks), HasSubstr("this method and path")) << path;
  EXPECT_THAT(sent("PUT", "/", asks, "a.example.org", 8443), HasSubstr(kTestValue));
  EXPECT_THAT(sent("PUT", "/", asks, "a.b.example.org", 8443), HasSubstr("this host and port"));
}

TEST_F(UsedSecrets, OfASecondSandboxIsNothingButText) {
  secrets.add("api", {header_place("x-api-key: {}")}, {"api.example.com:443"});
  EXPECT_EQ(sent("GET", "/x", {{"x-api-key", "caisson_of_another_sandbox"}}),
            "/x\nx-api-key: caisson_of_another_sandbox\n");
  EXPECT_THAT(use.put, IsEmpty());
}

TEST_F(UsedSecrets, AreRefusedWithoutAValue) {
  secrets.add("api", {header_place("x-api-key: {}")}, {"api.example.com:443"});
  secrets.grants.front()->revoke();
  EXPECT_THAT(sent("GET", "/x", {{"x-api-key", kTestPlaceholder}}), HasSubstr("the secret 'api' has no value now"));
}

TEST_F(UsedSecrets, EndNoHeader) {
  secrets.add("api", {header_place("x-api-key: {}")}, {"api.example.com:443"});
  for (const std::string& text : {std::string("the-value\r\nhost: evil"), std::string("the-value\nx"),
                                  std::string("the-value\0x", 11), std::string("\x7fthe-value")}) {
    secrets.grants.front()->replace(secrets::Value::copy_of(text), {});
    EXPECT_THAT(sent("GET", "/x", {{"x-api-key", kTestPlaceholder}}), HasSubstr("a control byte")) << text;
    EXPECT_THAT(use.put, IsEmpty());
  }
}

TEST_F(UsedSecrets, AreSeparate) {
  secrets.add("one", {header_place("x-api-key: {}")}, {"api.example.com:443"});
  secrets.add("two", {header_place("x-token: {}")}, {"api.example.com:443", "b.example.com:443"}, "caisson_of_two",
              "value-of-two");
  EXPECT_EQ(sent("GET", "/x", {{"x-api-key", kTestPlaceholder}, {"x-token", "caisson_of_two"}}),
            "/x\nx-api-key: " + kTestValue + "\nx-token: value-of-two\n");
  EXPECT_THAT(use.names, testing::ElementsAre("one", "two"));
  EXPECT_EQ(use.scrub->whole(kTestValue + " value-of-two"), kTestPlaceholder + " caisson_of_two");
  EXPECT_THAT(sent("GET", "/x", {{"x-api-key", "caisson_of_two"}}), HasSubstr("the secret 'two'"));
  EXPECT_THAT(sent("GET", "/x", {{"x-api-key", kTestPlaceholder}}, "b.example.com"), HasSubstr("the secret 'one'"));
}

TEST_F(UsedSecrets, GoToWhereConnectionsAreRead) {
  secrets.add("api", {header_place("x-api-key: {}")}, {"*.example.com:443 GET /x"});
  const auto all = secrets.sandbox();
  EXPECT_TRUE(all->go_to("api.example.com", 443));
  EXPECT_TRUE(all->go_to("API.example.com.", 443));
  EXPECT_FALSE(all->go_to("example.com", 443));
  EXPECT_FALSE(all->go_to("api.example.com", 80));
  EXPECT_FALSE(SandboxSecrets().go_to("api.example.com", 443));
}

TEST_F(UsedSecrets, AreLookedForInBodiesAndTrailers) {
  secrets.add("one", {header_place("x-api-key: {}")}, {"api.example.com:443"});
  secrets.add("two", {header_place("x-token: {}")}, {"api.example.com:443"}, "caisson_of_two", "value-of-two");
  const RequestSecrets here(secrets.sandbox(), "other.example.com", 443);
  StreamScan scan = here.body_scan();
  EXPECT_FALSE(scan.feed("{\"env\": \"caisson_of_"));
  const auto found = scan.feed("two\"}");
  ASSERT_TRUE(found);
  EXPECT_EQ(here.body_refusal(*found), "its body has the placeholder of the secret 'two', where no secret goes");
  StreamScan encoded = here.body_scan();
  const auto found_encoded = encoded.feed(to_base64("user:" + kTestPlaceholder));
  ASSERT_TRUE(found_encoded);
  EXPECT_THAT(here.body_refusal(*found_encoded), HasSubstr("the secret 'one'"));
  EXPECT_THAT(here.trailer_refusal("a caisson_of_two"), HasSubstr("the secret 'two' in a trailer"));
  EXPECT_EQ(here.trailer_refusal("a"), "");
}

}  // namespace
}  // namespace caisson::gate
