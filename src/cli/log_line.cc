// SPDX-License-Identifier: Apache-2.0

#include "cli/log_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/host_port.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

// The registry of record types (IANA), as far as clients ask for them.
constexpr std::array<std::pair<unsigned, std::string_view>, 19> kRecordTypes = {{
    {1, "A"},     {2, "NS"},     {5, "CNAME"},  {6, "SOA"},   {12, "PTR"},   {15, "MX"},     {16, "TXT"},
    {28, "AAAA"}, {33, "SRV"},   {35, "NAPTR"}, {43, "DS"},   {44, "SSHFP"}, {48, "DNSKEY"}, {52, "TLSA"},
    {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"},  {256, "URI"}, {257, "CAA"},
}};

std::string record_type(const base::Json& number) {
  for (const auto& [known, name] : kRecordTypes) {
    if (number == known) return std::string(name);
  }
  return "TYPE" + number.dump();  // RFC 3597, section 5
}

tm local_time(int64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm parts{};
  ::localtime_r(&seconds, &parts);
  return parts;
}

std::string time_text(int64_t unix_ms, int64_t now_unix_ms) {
  const tm parts = local_time(unix_ms);
  const tm now = local_time(now_unix_ms);
  const bool today = parts.tm_yday == now.tm_yday && parts.tm_year == now.tm_year;
  const std::string date = today ? "" : fmt::format("{:%Y-%m-%d} ", parts);
  return date + fmt::format("{:%H:%M:%S}.{:03}", parts, unix_ms % 1000);
}

std::string text_of(const base::Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// {"remove": [3], "add": [{"rule", "allow", "origin"}]} as "allow example.com:443, remove 3".
std::string change_text(const base::Json& entry) {
  std::vector<std::string> parts;
  for (const base::Json& added : entry.value("add", base::Json::array())) {
    const bool allow = added.value("allow", false);
    parts.push_back((allow ? "allow " : "deny ") + added.value("rule", "") + " (" + added.value("origin", "") + ")");
  }
  for (const base::Json& id : entry.value("remove", base::Json::array())) parts.push_back("remove " + id.dump());
  return base::join(parts, ", ");
}

// Is it of a target, which is shown behind the event then?
bool has_target(const base::Json& entry) {
  constexpr std::array<std::string_view, 5> kEvents = {"connect", "disconnect", "name", "request", "more"};
  return std::find(kEvents.begin(), kEvents.end(), entry.value("event", "")) != kEvents.end() &&
         (entry.contains("name") || entry.contains("address"));
}

// What is shown first, and without its key.
std::string headline(const base::Json& entry) {
  const std::string event = entry.value("event", "");
  std::string text = event;
  if (entry.contains("verdict") && entry["verdict"].is_string()) text += " " + entry["verdict"].get<std::string>();
  if (event == "policy") return text + " " + change_text(entry);
  if (!has_target(entry)) return text;
  const bool is_name = entry.contains("name") && entry["name"].is_string();
  const std::string host = is_name ? entry["name"].get<std::string>() : entry.value("address", "");
  if (!entry.contains("port")) return text + " " + host;
  return text + " " + base::in_brackets_if_v6(host) + ":" + entry["port"].dump();
}

bool is_in_headline(const base::Json& entry, const std::string& key) {
  if (key == "time_unix_ms" || key == "event" || key == "verdict") return true;
  if (entry.value("event", "") == "policy") return key == "add" || key == "remove";
  return has_target(entry) && (key == "name" || key == "port");
}

}  // namespace

std::string log_line(const base::Json& entry, int64_t now_unix_ms) {
  const std::string head = headline(entry);
  std::string text = time_text(entry.value("time_unix_ms", int64_t{0}), now_unix_ms) + "  " + base::escaped(head);
  const bool is_name = entry.value("event", "") == "name";
  for (const auto& [key, value] : entry.items()) {
    if (is_in_headline(entry, key)) continue;
    const std::string shown = is_name && key == "type" ? record_type(value) : text_of(value);
    text += "  " + base::escaped(key) + "=" + base::escaped(shown);
  }
  return text + "\n";
}

std::string iso_time(int64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts, unix_ms % 1000);
}

}  // namespace caisson::cli
