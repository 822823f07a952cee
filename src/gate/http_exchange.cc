// SPDX-License-Identifier: Apache-2.0

#include "gate/http_exchange.h"

#include "base/host_port.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

// A server has many names; only the one that was judged may be asked for.
std::string host_problem(const HttpHead& head, const HttpOptions& options) {
  if (head.host != options.host)
    return "its Host is " + base::in_quotes(head.host) + ", and the connection is to " + base::in_quotes(options.host);
  if (head.port.value_or(options.usual_port) != options.port)
    return "its Host does not name the connection's port " + std::to_string(options.port);
  return {};
}

void judge_path(const HttpHead& head, const HttpOptions& options, HttpRecord& record) {
  const auto path = canonical_path(head.target);
  if (!path) {
    record.allowed = false;
    record.status = 400;
    record.reason = "the path " + base::in_quotes(record.path.substr(0, 256)) + " has no single meaning";
    return;
  }
  Verdict verdict = options.judge(head.method, *path);
  record.allowed = verdict.allowed;
  record.entry = std::move(verdict.entry);
  if (verdict.allowed) return;
  record.status = 403;
  record.reason = std::move(verdict.reason);
  record.any_rule = !record.entry;
}

}  // namespace

std::string_view path_of(const HttpHead& head) {
  return std::string_view(head.target).substr(0, head.target.find('?'));
}

HttpRecord judge_head(const HttpHead& head, const HttpOptions& options) {
  const std::string_view whole = path_of(head);
  HttpRecord record{.method = head.method, .path = std::string(whole.substr(0, HttpRecord::kMostPathBytes))};
  record.path_cut = whole.size() > HttpRecord::kMostPathBytes;
  if (record.reason = host_problem(head, options); !record.reason.empty()) {
    record.status = 403;
    return record;
  }
  record.allowed = true;
  if (options.judge) judge_path(head, options, record);
  if (record.allowed && !options.no_server.empty()) {
    record.status = 502;
    record.reason = options.no_server;
  }
  return record;
}

// The rule that allowed it has no part in this, and no rule would change it.
void refuse_secret(HttpRecord& record, const std::string& refusal) {
  record.allowed = false;
  record.entry.reset();
  record.status = 403;
  record.reason = "the HTTP request is refused: " + refusal;
}

void note_use(const SecretUse& use, const HttpOptions& options, HttpRecord& record) {
  if (!use.refusal.empty()) refuse_secret(record, use.refusal);
  record.secrets = use.names;
  if (!options.secret_used) return;
  for (const std::string& name : use.names) options.secret_used(name);
}

std::string authority_of(const HttpOptions& options) {
  return options.port == options.usual_port ? base::in_brackets_if_v6(options.host)
                                            : base::host_port(options.host, options.port);
}

}  // namespace caisson::gate
