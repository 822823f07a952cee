// SPDX-License-Identifier: Apache-2.0

// The default engine: a microVM with its own kernel and its own Docker Engine, thawed from a template (design.md
// section 5).
#pragma once

#include "engine/engine.h"

namespace caisson::engine::microvm {

class MicrovmEngine final : public Engine {
 public:
  std::string_view name() const override { return "microvm"; }
  Probe probe() const override;
  Capabilities capabilities() const override;
  Plan plan(const spec::SandboxSpec& spec) const override;
  void prepare(Plan& plan, const PrepareContext& context) override;
  void create(const Plan& plan, const std::string& folder) override;
  std::unique_ptr<Instance> start(const Plan& plan, const StartContext& context) override;
  void keep(const Plan& plan, const std::string& folder) override;
  void destroy(const std::string& folder) override;
};

}  // namespace caisson::engine::microvm
