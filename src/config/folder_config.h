// SPDX-License-Identifier: Apache-2.0

// `.caisson.toml`: what a folder wishes for the sandboxes that it is shared with.
//
//   version = 1
//   image = "node"                     # of this machine's images
//   workdir = "src"                    # where the command begins: in the folder, or absolute
//   setup = ["npm ci"]                 # once in each new sandbox, before its command, each by /bin/sh -c
//   ports = ["8080:80"]                # as run --publish has them
//   mask = ["*.secret"]                # never seen, besides what never is
//   unmask = [".env.test"]             # seen all the same
//
//   [limits]
//   memory = "4G"
//   cpus = 4
//   disk = "32G"
//   pids = 8192                        # 0: no limit
//   timeout = "1h"
//
//   [network]                          # as in a policy file (gate/policy_file.h)
//   preset = "locked"
//   allow = ["example.com:443"]
//   deny = ["**.example.org"]
//
//   [environment]
//   MODE = "test"
//
// Each key but the version may be left out. A key that is not known is an error, so that none is misspelt in silence.
// The file comes from a repository, and what is in it is hostile until the user has accepted it (effects.h, trust.h).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "gate/policy_file.h"
#include "spec/sandbox_spec.h"

namespace caisson::config {

inline constexpr std::string_view kFileName = ".caisson.toml";
// Nobody accepts what nobody can read to its end.
inline constexpr size_t kMaxFileBytes = 64U << 10;
inline constexpr size_t kMostRules = 256;  // allow and deny each
inline constexpr size_t kMostSetups = 64;
inline constexpr size_t kMostPorts = 64;
inline constexpr size_t kMostPatterns = 128;  // mask and unmask each
inline constexpr size_t kMostVariables = 128;

struct FolderConfig {
  std::optional<std::string> image = {};
  std::optional<std::string> workdir = {};  // clean: absolute, or "a/b" from the folder's top ("" is the top)
  std::vector<std::string> setup = {};
  std::vector<spec::PortPublish> ports = {};
  std::vector<std::string> masks = {};
  std::vector<std::string> unmasks = {};
  std::optional<base::Bytes> memory = {};
  std::optional<unsigned> cpus = {};
  std::optional<base::Bytes> disk = {};
  std::optional<unsigned> pids = {};
  std::optional<std::chrono::seconds> timeout = {};
  std::optional<gate::PolicyFile> network = {};
  std::vector<std::string> environment = {};  // "K=V"
};

// Throws a base::Error that names the file, the line, what is wrong and the remedy. `path` is for the messages.
FolderConfig parse_folder_config(std::string_view text, const std::string& path);

}  // namespace caisson::config
