// SPDX-License-Identifier: Apache-2.0

// A secret that one sandbox may use: what the gate is given for each. Its value can be replaced or taken away at any
// moment while the sandbox runs; from then on nothing holds the old one, for nobody outside ever keeps it.
//
// Not safe from several threads: a keeper has one.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "secrets/definition.h"
#include "secrets/value.h"

namespace caisson::secrets {

class Grant {
 public:
  using Clock = std::chrono::steady_clock;

  Grant(Definition definition, std::string placeholder)
      : definition_(std::move(definition)), placeholder_(std::move(placeholder)) {}

  const Definition& definition() const { return definition_; }
  const std::string& placeholder() const { return placeholder_; }

  // Gives the value to `use` (of std::string_view), which must keep nothing of it. False where there is none: it was
  // revoked, or has not come yet.
  template <typename Use>
  bool with_value(const Use& use) const {
    if (value_.empty()) return false;
    use(value_.reveal());
    return true;
  }
  // Whether the value is to be asked for again before it is used: there is none, or it is a command's and has its age.
  // Never of what was revoked.
  bool needs_value(Clock::time_point now) const {
    if (revoked_) return false;
    return value_.empty() || (definition_.command && now - since_ >= definition_.command->max_age);
  }
  // A value that comes after the revocation, from a command that was running then, is wiped.
  void replace(Value value, Clock::time_point now) {
    if (revoked_) return;
    value_ = std::move(value);
    since_ = now;
  }
  void revoke() {
    revoked_ = true;
    value_.wipe();
  }

 private:
  Definition definition_;
  std::string placeholder_;
  Value value_;
  Clock::time_point since_;
  bool revoked_ = false;
};

}  // namespace caisson::secrets
