// SPDX-License-Identifier: Apache-2.0

// What the user asks for: one sandbox. Pure data, checked and normalised; no system calls.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json_reader.h"
#include "spec/workspace.h"

namespace caisson::spec {

struct PortPublish {
  std::string host_address = "127.0.0.1";
  uint16_t host_port = 0;  // 0: any free one
  uint16_t guest_port = 0;
};

struct Command {
  std::vector<std::string> argv;  // empty: the sandbox just runs until it is stopped
  std::string user;               // "" = the image's default
  std::string folder;             // "" = the user's home
  bool tty = false;
  bool keep_stdin = false;  // -i, or stdin that is not a terminal in a foreground run
  uint16_t rows = 24;       // of the terminal at the start, when tty
  uint16_t columns = 80;
};

// How much of a network there is; what may be reached is the sandbox's policy (gate/policy.h).
struct Network {
  std::string preset = "locked";  // the policy's, for people to read
  base::Bytes bytes_per_second;   // both ways together; 0: no limit
  base::Bytes total;              // both ways together; 0: no limit
  unsigned connections = 4096;    // at a time
};

// The folder's configuration (config/folder_config.h) that a sandbox was made with.
struct ConfigSource {
  std::string path;
  std::string digest;  // SHA-256 of the file as it was used
};

struct SandboxSpec {
  std::string name;
  std::string image = "base";
  std::string engine = "auto";
  unsigned cpus = 2;
  base::Bytes memory = base::gibibytes(2);
  base::Bytes disk = base::gibibytes(16);
  unsigned pids = 4096;                         // 0: no limit
  std::optional<std::chrono::seconds> timeout;  // wall clock of the main command
  std::vector<std::string> environment;         // "K=V"
  std::vector<PortPublish> ports;
  Network network;
  std::vector<Workspace> workspaces;
  std::vector<std::string> masks;      // names that the sandbox never sees in a workspace
  std::vector<std::string> unmasks;    // and what of them it does
  std::optional<ConfigSource> config;  // for people to read: what it says is in the rest already
  Command command;
  bool remove_at_end = true;  // the sandbox goes away when its command ends
};

// Throws base::Error that names the option and the remedy. Bounds: cpus 1–64, memory 128 MiB–1 TiB, disk 64 MiB–16 TiB,
// pids 0 or 16–4194304, timeout 1 s–365 d, at most 256 ports, 32 workspaces, 256 masks, 1024 environment entries, 1 to
// 8000 connections, 128 KiB a string.
void validate(const SandboxSpec& spec);

// Letters, digits, '_', '.', '-', 1 to 63 bytes, the first a letter or digit (docker's rule and a bound). Throws.
void validate_name(std::string_view name);

// A name nobody has to think of: "quiet-otter-4f2a". `random` is any 64 random bits.
std::string generate_name(uint64_t random);

// "[HOST_IP:]HOST:GUEST", "GUEST" (any free host port), IPv6 in brackets. Throws.
PortPublish parse_port(std::string_view text);
// "90", "30s", "15m", "2h", "1d", "1h30m". Throws.
std::chrono::seconds parse_duration(std::string_view text);
// "K=V", or "K": taken from this process's environment by `lookup` (nothing when unset there, as docker does).
std::optional<std::string> parse_environment(std::string_view text, const char* (*lookup)(const char*));
// Lines of KEY=VALUE, blank lines and # comments; throws with the line's number.
std::vector<std::string> parse_environment_file(std::string_view text, std::string_view file_name);

base::Json to_json(const SandboxSpec& spec);
SandboxSpec spec_from_json(const base::Json& json);

}  // namespace caisson::spec
