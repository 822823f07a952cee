// SPDX-License-Identifier: Apache-2.0

#include "gate/proxy.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

#include "base/ascii.h"
#include "base/error.h"
#include "base/host_port.h"
#include "base/text.h"
#include "gate/url.h"

namespace caisson::gate {
namespace {

using base::Error;

constexpr size_t kMostExceptions = 1024;
constexpr uint16_t kPlainPort = 80;

struct Variable {
  const char* name = nullptr;
  std::string value;
};

// The first that is set and not empty.
std::optional<Variable> first_set(const char* (*variable)(const char*), std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = variable(name);
    if (value != nullptr && *value != '\0') return Variable{name, value};
  }
  return std::nullopt;
}

Error unusable(const Variable& variable, const std::string& why) {
  return Error(std::string("the proxy of the variable ") + variable.name + " " + why,
               "write http://[USER:PASSWORD@]HOST:PORT, or run with " + std::string(variable.name) + "= for none");
}

// RFC 3986, 2.1; an escape that is none stays.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool may_be = text[i] == '%' && i + 2 < text.size();
    const auto high = may_be ? base::hex_digit(text[i + 1]) : std::nullopt;
    const auto low = may_be ? base::hex_digit(text[i + 2]) : std::nullopt;
    plain += high && low ? static_cast<char>(*high << 4 | *low) : text[i];
    if (high && low) i += 2;
  }
  return plain;
}

std::string base64(std::string_view text) {
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<size_t>(length));
  return encoded;
}

// "user:password" of "http://user:password@host…".
std::string user_of(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  const size_t at = authority.rfind('@');
  return at == std::string_view::npos ? "" : unescaped(authority.substr(0, at));
}

Proxy proxy_of(const Variable& variable) {
  const bool has_scheme = variable.value.find("://") != std::string::npos;
  const std::string url = has_scheme ? variable.value : "http://" + variable.value;
  const std::optional<UrlPlace> place = place_of_url(url);
  if (!place) throw unusable(variable, "cannot be read");
  if (place->scheme == "https") throw unusable(variable, "is reached by TLS (https://), which this version cannot do");
  if (place->scheme != "http") throw unusable(variable, "is no HTTP proxy");
  Proxy proxy{.host = to_string(place->host), .port = place->port, .authorization = {}};
  if (const std::string user = user_of(url); !user.empty())
    proxy.authorization = "Basic " + base64(user.find(':') == std::string::npos ? user + ":" : user);
  return proxy;
}

std::vector<std::string> exceptions_of(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t' || c == '\n'; }, ',');
  std::vector<std::string> all = base::split(text, ',');
  std::erase(all, "");
  if (all.size() > kMostExceptions) throw Error("the variable NO_PROXY has more than 1024 parts", "take some out");
  for (std::string& one : all) one = base::ascii_lower(one);
  return all;
}

// "example.com", ".example.com" and "*.example.com" are that name and all below it; "192.0.2.7" and "10.0.0.0/8" are
// addresses; "*" is everything. A port behind a name or an IPv4 address ("example.com:8080") must be the target's.
bool is_exception(std::string_view entry, std::string_view host, uint16_t port) {
  if (entry == "*") return true;
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (const size_t colon = entry.find(':'); colon != std::string_view::npos && entry.rfind(':') == colon) {
    if (base::parse_number<uint16_t>(entry.substr(colon + 1)) != port) return false;
    entry = entry.substr(0, colon);
  }
  if (const auto address = IpAddress::parse(host)) {
    const auto network = Cidr::parse(entry);
    return network && network->contains(*address);
  }
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.ends_with('.')) entry.remove_suffix(1);
  if (entry.empty() || !host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

}  // namespace

std::string Proxy::text() const {
  return base::host_port(host, port);
}

const std::vector<const char*>& Proxies::variables() {
  static const std::vector<const char*> kNames = {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
                                                  "all_proxy",   "ALL_PROXY",   "no_proxy",   "NO_PROXY"};
  return kNames;
}

Proxies Proxies::of_environment(const char* (*variable)(const char*)) {
  Proxies proxies;
  if (const auto set = first_set(variable, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}))
    proxies.plain_ = proxy_of(*set);
  if (const auto set = first_set(variable, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}))
    proxies.other_ = proxy_of(*set);
  if (const auto set = first_set(variable, {"no_proxy", "NO_PROXY"})) proxies.without_ = exceptions_of(set->value);
  return proxies;
}

Proxies Proxies::of_process() {
  return of_environment([](const char* name) -> const char* { return std::getenv(name); });
}

void check_proxies(const Policy& policy) {
  if (!policy.entries().empty() || policy.fallback() != Default::kDeny) Proxies::of_process();
}

const Proxy* Proxies::for_target(std::string_view host, uint16_t port) const {
  const std::optional<Proxy>& proxy = port == kPlainPort ? plain_ : other_;
  if (!proxy) return nullptr;
  const bool without = std::any_of(without_.begin(), without_.end(),
                                   [&](const std::string& entry) { return is_exception(entry, host, port); });
  return without ? nullptr : &*proxy;
}

std::string Proxies::summary() const {
  auto words = [](const Proxy& proxy) { return proxy.text() + (proxy.authorization.empty() ? "" : " (with a user)"); };
  std::string text;
  if (other_) text = words(*other_);
  if (plain_ && (!other_ || plain_->text() != other_->text()))
    text += (text.empty() ? "" : ", ") + words(*plain_) + " for port 80";
  if (!without_.empty()) text += "; not for " + base::join(without_, ", ");
  return text;
}

}  // namespace caisson::gate
