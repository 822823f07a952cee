// SPDX-License-Identifier: Apache-2.0

// What the ledger and the user are told of a request.

#include "base/text.h"
#include "gate/http_session.h"

namespace caisson::gate {
namespace {

constexpr size_t kMaxPathShown = 512;

// Requests that are read hold ASCII only, so that a cut splits no character.
std::string shown(const std::string& path) {
  return base::escaped(path).substr(0, kMaxPathShown);
}

// What a guest may have in a rule that its user is told to copy. No star: it would allow more than this request.
bool is_plain(const HttpRecord& record) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~%@+,:=";
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return record.method.find_first_not_of(kLetters) == std::string::npos &&
         record.path.find_first_not_of(kPlain) == std::string::npos;
}

// The rule that would allow it; "" where none can be written.
std::string rule_for(const Target& target, const HttpRecord& record) {
  if (record.path_cut || !is_plain(record)) return "";
  const std::string text = target.text() + " " + record.method + " " + record.path;
  try {
    return to_string(parse_rule(text));
  } catch (const base::Error&) {
    return "";
  }
}

std::string_view verdict_of(const HttpRecord& record) {
  if (!record.allowed) return "refused";
  return record.reason.empty() ? "allowed" : "failed";
}

}  // namespace

void HttpSession::record(const HttpRecord& record, Scheme scheme) {
  base::Json details{{"id", id_},
                     {"scheme", scheme == Scheme::kHttp ? "http" : "https"},
                     {target_.name ? "name" : "address", host_},
                     {"port", target_.port},
                     {"verdict", std::string(verdict_of(record))},
                     {"status", record.status},
                     {"sent_bytes", record.sent_bytes},
                     {"received_bytes", record.received_bytes}};
  if (!record.method.empty()) {
    details["method"] = record.method;
    details["path"] = shown(record.path);
  }
  if (record.entry && record.allowed) details["rule"] = to_string(record.entry->rule);
  if (record.entry && !record.allowed) note_denying_rule(details, *record.entry);
  if (!record.secrets.empty()) details["secrets"] = record.secrets;
  if (!record.reason.empty()) details["reason"] = record.reason;
  state_->record("request", std::move(details));
  if (!record.allowed) count(record, scheme);
}

void HttpSession::count(const HttpRecord& record, Scheme scheme) {
  std::string what = target_.text();
  if (!record.method.empty()) {
    const std::string scheme_text = scheme == Scheme::kHttp ? "http://" : "https://";
    const bool usual = target_.port == (scheme == Scheme::kHttp ? 80 : 443);
    const std::string place = usual && target_.name ? *target_.name : target_.text();
    what = record.method + " " + scheme_text + place + shown(record.path);
  }
  const std::string allow = record.any_rule ? rule_for(target_, record) : "";
  state_->count_refusal(what, {.reason = record.reason, .allow = allow});
}

}  // namespace caisson::gate
