// SPDX-License-Identifier: Apache-2.0

// A sandbox's network policy on disk and on the API.
//
// policy.json in the sandbox's folder is the only place where it is kept: the keeper reads it at each start, after the
// template was thawed and before anything of the user's runs, and replaces it before a change is in force.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"
#include "gate/gate.h"
#include "gate/policy.h"

namespace caisson::keeper {

// A sandbox without the file reaches nothing. Throws for one that cannot be read.
gate::Policy read_policy(const std::string& folder);
void write_policy(const std::string& folder, const gate::Policy& policy);

// Whether a rule speaks of methods and paths, so that the gate may have to answer as a server inside TLS.
bool judges_requests(const gate::Policy& policy);

// POST /v1/policy: what is removed, then what is added.
struct PolicyChange {
  struct NewEntry {
    gate::Rule rule;
    bool allow = true;
    std::string origin;
  };
  std::vector<uint64_t> remove;
  std::vector<NewEntry> add;
};
base::Json to_json(const PolicyChange& change);
// Strict; throws base::Error.
PolicyChange policy_change_from_json(const base::Json& json);
// Throws for an entry that is not there.
gate::Policy changed(gate::Policy policy, const PolicyChange& change);

// Changes the policy of a sandbox that does not run and whose lock the caller has, and says so in its ledger.
void change_kept_policy(const std::string& folder, const PolicyChange& change);

// GET /v1/policy/questions: a line each time that it changes, {"questions": [{"id", "target", "seconds_left"}]}.
base::Json to_json(const std::vector<gate::Questions::Open>& questions);

// POST /v1/policy/answers: {"id", "answer"}, "once", "sandbox" (a rule for it is added) or "deny".
struct QuestionAnswer {
  enum class What : uint8_t { kOnce, kSandbox, kDeny };
  uint64_t id = 0;
  What what = What::kDeny;
};
base::Json to_json(const QuestionAnswer& answer);
// Strict; throws base::Error.
QuestionAnswer question_answer_from_json(const base::Json& json);

base::Json to_json(const gate::Refusals& refusals);
// Strict; throws base::Error.
gate::Refusals refusals_from_json(const base::Json& json);

// For the end of a run with this preset, a line each: how many requests were refused, to which targets, and what would
// allow them, or why they were; and each limit that was hit.
std::vector<std::string> refusal_notes(const gate::Refusals& refusals, std::string_view preset);
// The rules that those lines give as options.
std::vector<std::string> rules_for_refused(const gate::Refusals& refusals);
// The targets whose names are allowed, and that are in the user's own networks: a registry there is opened by
// @registries.
std::vector<std::string> refused_in_own_networks(const gate::Refusals& refusals);

}  // namespace caisson::keeper
