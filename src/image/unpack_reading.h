// SPDX-License-Identifier: Apache-2.0

// The part of an UnpackJob that reads archives. It is done by a child process that was confined before it reads the
// first byte (unpack_confinement.h), and whose answer is taken for a stranger's word.
#pragma once

#include <cstdint>
#include <string>

#include "image/unpack_job.h"

namespace caisson::image {

struct Reading {
  uint64_t bytes = 0;  // of files, holes included
  uint64_t entries = 0;
  std::string kind;  // UnpackJob::Task::kKind: see UnpackResult
};

// Fills the job's tree from its layers, or says what kind of archive its one layer is; the progress is reported on
// kReportFd. Throws base::Error, the child's own ones too. The calling process has one thread.
Reading read_archives(const UnpackJob& job);

// One line on kReportFd.
void report(const base::Json& json);

}  // namespace caisson::image
