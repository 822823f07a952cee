// SPDX-License-Identifier: Apache-2.0

#include "changes/baseline.h"

#include <fmt/format.h>

#include <optional>

#include "base/file.h"
#include "base/json_reader.h"
#include "share/server.h"

namespace caisson::changes {
namespace {

static_assert(kMostNotedBytes + share::ShareLimits{}.baseline_bytes <= kMostLogBytes);

constexpr const char* kLogName = "the log of what the sandbox has seen";

// A line that was cut short, by the share's end or on a full disk, spoils the one behind it: what they say is not in
// the log.
std::optional<std::string> state_in(const std::string& line) {
  if (!line.ends_with('}')) return std::nullopt;
  try {
    const base::Json json = base::parse_json_object(line, kLogName);
    base::JsonReader reader(json, kLogName);
    HostFile file;
    file.device = reader.required<uint64_t>("device");
    file.inode = reader.required<uint64_t>("inode");
    file.size = reader.required<uint64_t>("size");
    file.mtime_ns = reader.required<int64_t>("mtime_ns");
    file.ctime_ns = reader.required<int64_t>("ctime_ns");
    return baseline_line(file);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::string baseline_line(const HostFile& file) {
  return fmt::format(R"({{"device":{},"inode":{},"size":{},"mtime_ns":{},"ctime_ns":{}}})"
                     "\n",
                     file.device, file.inode, file.size, file.mtime_ns, file.ctime_ns);
}

Baseline::Baseline(int64_t started_ns, const std::string& log_path) : started_ns_(started_ns) {
  const std::string log = base::read_file_if_exists(log_path, kMostLogBytes).value_or("");
  for (const std::string& line : base::split(log, '\n')) {
    if (auto state = state_in(line)) seen_.insert(std::move(*state));
  }
}

bool Baseline::knows(const HostFile& file) const {
  return !file.exists() || file.ctime_ns < started_ns_ || seen_.contains(baseline_line(file));
}

}  // namespace caisson::changes
