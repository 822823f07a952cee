// SPDX-License-Identifier: Apache-2.0

#include "bench/sandboxes.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/json_reader.h"
#include "base/scope.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

void append(Argv& argv, const Argv& more) {
  argv.insert(argv.end(), more.begin(), more.end());
}

}  // namespace

Inspection parse_inspection(std::string_view text) {
  try {
    const base::Json sandbox = base::Json::parse(text).at(0);
    return {.accelerator = sandbox.at("accelerator").get<std::string>(),
            .keeper_pid = sandbox.at("keeper_pid").get<int64_t>(),
            .engine_pid = sandbox.at("engine_pid").get<int64_t>(),
            .stages_us = sandbox.at("stages_us").get<std::map<std::string, int64_t>>()};
  } catch (const base::Json::exception& error) {
    throw base::Error(std::string("cannot read what `caisson inspect` printed: ") + base::escaped(error.what()));
  }
}

Caisson::Caisson(const Runner& runner, std::string program, Argv options)
    : runner_(runner), program_(std::move(program)), options_(std::move(options)) {}

EmptyFolder::EmptyFolder() : path_("/tmp/caisson-bench-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) throw base::system_error("cannot make a folder like", path_);
}

EmptyFolder::~EmptyFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Argv Caisson::run(const Argv& command, const Argv& more) const {
  return run_in(workspace_.path(), command, more);
}

Argv Caisson::run_in(const std::string& workspace, const Argv& command, const Argv& more) const {
  Argv all{"-w", workspace};
  append(all, more);
  return run_with(command, all);
}

Argv Caisson::run_bare(const Argv& command) const {
  return run_with(command, {"-w", "none"});
}

Argv Caisson::run_with(const Argv& command, const Argv& more) const {
  Argv argv{program_, "run"};
  append(argv, options_);
  append(argv, more);
  argv.emplace_back("--");
  append(argv, command);
  return argv;
}

Argv Caisson::run_idle(const std::string& name) const {
  return run({"sleep", "infinity"}, {"-d", "--name", name});
}

Argv Caisson::exec(const std::string& name, const Argv& command) const {
  Argv argv{program_, "exec", name};
  append(argv, command);
  return argv;
}

Argv Caisson::stop(const std::string& name) const {
  return command({"stop", name});
}

Argv Caisson::command(const Argv& words) const {
  Argv argv{program_};
  append(argv, words);
  return argv;
}

Inspection Caisson::inspect(const std::string& name) const {
  return parse_inspection(runner_.run({program_, "inspect", name}).out);
}

std::string Caisson::version() const {
  const std::string text = runner_.run({program_, "version"}).out;
  return base::escaped(text.substr(0, text.find('\n')));
}

void Caisson::remove(const std::string& name) const noexcept {
  runner_.clean_up({program_, "rm", "-f", name});
}

std::string Caisson::new_name() const {
  return "bench-" + std::to_string(::getpid()) + "-" + std::to_string(++names_);
}

IdleSandbox::IdleSandbox(const Caisson& caisson) : caisson_(caisson), name_(caisson.new_name()) {
  base::Scope undo([this] { caisson_.remove(name_); });
  caisson_.runner().run(caisson_.run_idle(name_));
  undo.dismiss();
}

IdleSandbox::~IdleSandbox() {
  caisson_.remove(name_);
}

}  // namespace caisson::bench
