// SPDX-License-Identifier: Apache-2.0

#include "engine/registry.h"

#include "base/error.h"
#include "base/text.h"
#include "engine/microvm/microvm.h"

namespace caisson::engine {

std::vector<std::unique_ptr<Engine>> all_engines() {
  std::vector<std::unique_ptr<Engine>> engines;
  engines.push_back(std::make_unique<microvm::MicrovmEngine>());
  return engines;
}

namespace {

base::Error not_usable(const Engine& engine, const Probe& probe) {
  return base::Error("the engine '" + std::string(engine.name()) + "' cannot be used here: " + probe.reason,
                     probe.remedy);
}

std::unique_ptr<Engine> strongest_usable() {
  std::string reasons;
  for (std::unique_ptr<Engine>& engine : all_engines()) {
    const Probe probe = engine->probe();
    if (probe.usable) return std::move(engine);
    reasons += (reasons.empty() ? "" : "; ") + std::string(engine->name()) + ": " + probe.reason;
  }
  throw base::Error("no engine can be used here: " + reasons,
                    "`caisson doctor` says what is missing and how to get it");
}

}  // namespace

std::unique_ptr<Engine> choose_engine(std::string_view name) {
  if (name == "auto") return strongest_usable();
  std::vector<std::string> names;
  for (std::unique_ptr<Engine>& engine : all_engines()) {
    if (engine->name() != name) {
      names.emplace_back(engine->name());
      continue;
    }
    const Probe probe = engine->probe();
    if (!probe.usable) throw not_usable(*engine, probe);
    return std::move(engine);
  }
  throw base::Error("there is no engine " + base::in_quotes(name), "the engines are: " + base::join(names, ", "));
}

}  // namespace caisson::engine
