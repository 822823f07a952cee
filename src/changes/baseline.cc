// SPDX-License-Identifier: Apache-2.0

#include "changes/baseline.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_reader.h"

namespace caisson::changes {
namespace {

constexpr size_t kMostLogBytes = 256U << 20;

}  // namespace

std::string baseline_line(const HostFile& file) {
  return fmt::format(R"({{"device":{},"inode":{},"size":{},"mtime_ns":{},"ctime_ns":{}}})"
                     "\n",
                     file.device, file.inode, file.size, file.mtime_ns, file.ctime_ns);
}

Baseline::Baseline(int64_t started_ns, const std::string& log_path) : started_ns_(started_ns) {
  const std::string log = base::read_file_if_exists(log_path, kMostLogBytes).value_or("");
  for (const std::string& line : base::split(log, '\n')) {
    // The last line of a share that was killed may be a part of one.
    if (!line.ends_with('}')) continue;
    const base::Json json = base::parse_json_object(line, "the log of what the sandbox has seen");
    base::JsonReader reader(json, "the log of what the sandbox has seen");
    HostFile file;
    file.device = reader.required<uint64_t>("device");
    file.inode = reader.required<uint64_t>("inode");
    file.size = reader.required<uint64_t>("size");
    file.mtime_ns = reader.required<int64_t>("mtime_ns");
    file.ctime_ns = reader.required<int64_t>("ctime_ns");
    seen_.insert(baseline_line(file));
  }
}

bool Baseline::knows(const HostFile& file) const {
  return !file.exists() || file.ctime_ns < started_ns_ || seen_.contains(baseline_line(file));
}

}  // namespace caisson::changes
