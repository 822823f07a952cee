// SPDX-License-Identifier: Apache-2.0

// What `caisson` asks of its helper program caisson-unpack, and what that answers.
//
// The job is one JSON object, the program's only argument. Descriptors: 0 an archive that comes through a pipe, 3 the
// reports (one JSON object a line), 4 the reading end of a pipe that `caisson` holds open: when it closes, the work is
// given up. So whatever kills `caisson`, the helper, mkfs.erofs below it and fakeroot around it end by themselves.
//
//   {"bytes":N,"entries":N,"consumed":N,"layer":N}    unpacking
//   {"written":N,"total":N}                            writing the image
//   {"done":{…}}                                       last line of a job that is finished: UnpackResult
//   {"error":"…","hint":"…"}                           last line of one that failed
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json_reader.h"

namespace caisson::image {

inline constexpr int kReportFd = 3;
inline constexpr int kLifeFd = 4;
inline constexpr int kLockFd = 5;  // only held: see WorkFolder

struct LayerJob {
  std::string path;  // "-": standard input
  bool whiteouts = false;
  bool require_end = false;
  std::string diff_id;  // 64 hexadecimal digits, "" = not checked

  bool operator==(const LayerJob&) const = default;
};

struct UnpackJob {
  enum class Task {
    kImage,    // unpack the layers into `tree` (under fakeroot), write `tree` as an EROFS file to `out`
    kExtract,  // unpack one archive into `tree`, nothing but files and folders
    kKind,     // say what the archive is
  };
  Task task = Task::kImage;
  std::string tree;  // an empty folder; with no layers, the folder that becomes the image as it is
  std::string out;
  std::vector<LayerJob> layers;
  uint64_t max_bytes = 0;  // 0: UnpackLimits' own bounds
  uint64_t max_entries = 0;
};

struct UnpackResult {
  bool has_dockerd = false;
  uint64_t entries = 0;
  std::string kind;  // kKind: "root", "oci", "docker"
};

base::Json to_json(const UnpackJob& job);
UnpackJob job_from_json(const base::Json& json);
base::Json to_json(const UnpackResult& result);
UnpackResult result_from_json(const base::Json& json);

}  // namespace caisson::image
