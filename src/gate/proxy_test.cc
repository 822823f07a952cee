// SPDX-License-Identifier: Apache-2.0

#include "gate/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace caisson::gate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::map<std::string, std::string> g_variables;

const char* variable(const char* name) {
  const auto found = g_variables.find(name);
  return found == g_variables.end() ? nullptr : found->second.c_str();
}

Proxies proxies(std::map<std::string, std::string> variables) {
  g_variables = std::move(variables);
  return Proxies::of_environment(variable);
}

std::string proxy_for(const Proxies& proxies, std::string_view host, uint16_t port = 443) {
  const Proxy* proxy = proxies.for_target(host, port);
  return proxy == nullptr ? "" : proxy->text();
}

std::string problem_of(std::map<std::string, std::string> variables) {
  try {
    proxies(std::move(variables));
    return "";
  } catch (const base::Error& error) {
    return error.what();
  }
}

TEST(Proxies, AreThoseOfTheEnvironment) {
  EXPECT_TRUE(proxies({}).empty());
  EXPECT_TRUE(proxies({{"https_proxy", ""}, {"no_proxy", "*"}}).empty());
  const Proxies both = proxies({{"HTTPS_PROXY", "http://proxy.example:3128"}, {"http_proxy", "10.0.0.1:8080"}});
  EXPECT_EQ(proxy_for(both, "example.com"), "proxy.example:3128");
  EXPECT_EQ(proxy_for(both, "example.com", 22), "proxy.example:3128");
  EXPECT_EQ(proxy_for(both, "example.com", 80), "10.0.0.1:8080");
  // Lower case wins; ALL_PROXY is for what has none of its own; without a port it is the scheme's.
  const Proxies all =
      proxies({{"https_proxy", "a.example:1"}, {"HTTPS_PROXY", "b.example:1"}, {"ALL_PROXY", "http://[2001:db8::7]/"}});
  EXPECT_EQ(proxy_for(all, "example.com"), "a.example:1");
  EXPECT_EQ(proxy_for(all, "example.com", 80), "[2001:db8::7]:80");
  EXPECT_EQ(proxy_for(proxies({{"HTTP_PROXY", "a.example:1"}}), "example.com"), "");
}

TEST(Proxies, SecretsGoToTheProxyOnly) {
  const Proxies with = proxies({{"HTTPS_PROXY", "http://us%65r:p%40ss@proxy.example:3128"}, {"NO_PROXY", "localhost"}});
  EXPECT_EQ(with.for_target("example.com", 443)->authorization, "Basic dXNlcjpwQHNz");
  EXPECT_EQ(with.for_target("example.com", 443)->text(), "proxy.example:3128");
  EXPECT_EQ(with.summary(), "proxy.example:3128 (with a user); not for localhost");
  EXPECT_EQ(proxies({{"ALL_PROXY", "http://name@p.example:1"}}).for_target("e.example", 80)->authorization,
            "Basic bmFtZTo=");
  for (const char* wrong : {"http://secret@proxy example:1", "https://secret@p.example:1",
                            "socks5://secret@p.example:1", "http://secret@:1"}) {
    const std::string problem = problem_of({{"HTTPS_PROXY", wrong}});
    EXPECT_THAT(problem, HasSubstr("HTTPS_PROXY")) << wrong;
    EXPECT_THAT(problem, Not(HasSubstr("secret"))) << wrong;
  }
}

struct Exception {
  const char* no_proxy;
  const char* host;
  uint16_t port;
  bool direct;
};

TEST(Proxies, NoProxyIsReadAsCurlReadsIt) {
  for (const Exception& one : std::vector<Exception>{
           {"*", "example.com", 443, true},
           {"example.com", "example.com", 443, true},
           {"EXAMPLE.com", "a.b.example.com", 443, true},
           {".example.com", "a.example.com", 443, true},
           {"*.example.com", "a.example.com", 443, true},
           {"example.com", "badexample.com", 443, false},
           {"example.com", "example.com.evil.example", 443, false},
           {"a.example, b.example c.example", "c.example", 443, true},
           {"example.com:8443", "example.com", 8443, true},
           {"example.com:8443", "example.com", 443, false},
           {"192.0.2.7", "192.0.2.7", 443, true},
           {"192.0.2.0/24", "192.0.2.9", 443, true},
           {"192.0.2.0/24", "192.0.3.9", 443, false},
           {"2001:db8::/32", "2001:db8::1", 443, true},
           {"[2001:db8::1]", "2001:db8::1", 443, true},
           {"2.7", "192.0.2.7", 443, false},
           {"", "example.com", 443, false},
           {".", "example.com", 443, false},
           {",,", "example.com", 443, false},
       }) {
    const Proxies with = proxies({{"HTTPS_PROXY", "p.example:1"}, {"NO_PROXY", one.no_proxy}});
    EXPECT_EQ(proxy_for(with, one.host, one.port).empty(), one.direct) << one.no_proxy << " " << one.host;
  }
}

}  // namespace
}  // namespace caisson::gate
