// SPDX-License-Identifier: Apache-2.0

#include "bench/sandboxes.h"

#include "base/error.h"
#include "base/json_reader.h"
#include "base/process.h"

namespace caisson::bench {
namespace {

using Argv = std::vector<std::string>;

void append(Argv& argv, const Argv& more) {
  argv.insert(argv.end(), more.begin(), more.end());
}

base::Json inspect(const std::string& program, const std::string& name) {
  return base::Json::parse(base::run_checked({program, "inspect", name})).at(0);
}

}  // namespace

Caisson::Caisson(std::string program, Argv options) : program_(std::move(program)), options_(std::move(options)) {}

Argv Caisson::run(const Argv& command, const Argv& more) const {
  Argv argv{program_, "run"};
  append(argv, options_);
  append(argv, more);
  argv.push_back("--");
  append(argv, command);
  return argv;
}

Argv Caisson::exec(const std::string& name, const Argv& command) const {
  Argv argv{program_, "exec", name};
  append(argv, command);
  return argv;
}

Argv Caisson::stop(const std::string& name) const {
  return {program_, "stop", name};
}

void Caisson::start_idle(const std::string& name) const {
  Argv argv{program_, "run", "-d", "--name", name};
  append(argv, options_);
  base::run_checked(argv);
}

void Caisson::remove(const std::string& name) const {
  base::run_program({.argv = {program_, "rm", "-f", name}});
}

std::map<std::string, double> Caisson::stages(const std::string& name) const {
  return inspect(program_, name).at("stages").get<std::map<std::string, double>>();
}

std::vector<long> Caisson::processes(const std::string& name) const {
  const base::Json sandbox = inspect(program_, name);
  return {sandbox.at("keeper_pid").get<long>(), sandbox.at("engine_pid").get<long>()};
}

std::string Caisson::accelerator(const std::string& name) const {
  return inspect(program_, name).at("accelerator").get<std::string>();
}

}  // namespace caisson::bench
