// SPDX-License-Identifier: Apache-2.0

#include "image/unpack_reading.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/text.h"
#include "image/unpack.h"
#include "image/unpack_confinement.h"

namespace caisson::image {
namespace {

constexpr auto kReportEvery = std::chrono::milliseconds(200);
constexpr size_t kMaxAnswerBytes = 64U << 10;

// Passes on at most one report in kReportEvery.
class Pace {
 public:
  bool due() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + kReportEvery;
    return true;
  }

 private:
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

struct Layer {
  const LayerJob* job;
  std::string name;
  base::Fd file;
};

std::vector<Layer> open_layers(const UnpackJob& job) {
  std::vector<Layer> layers;
  for (const LayerJob& layer : job.layers) {
    if (layer.path == "-") {
      layers.push_back({&layer, "the archive", base::Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10))});
    } else {
      layers.push_back({&layer, layer.path, base::open_file(layer.path, O_RDONLY)});
    }
  }
  return layers;
}

Reading unpack_all(const UnpackJob& job, const std::vector<Layer>& layers) {
  Tree tree(job.tree, job.task == UnpackJob::Task::kImage ? Ownership::kFaked : Ownership::kPlain);
  Attributes root;
  root.mode = 0755;
  tree.folder("", root);  // so that an archive without an entry for it gives the same image each time
  UnpackTotals totals;
  Pace pace;
  for (size_t i = 0; i < layers.size(); ++i) {
    UnpackOptions options;
    options.whiteouts = layers[i].job->whiteouts;
    options.require_end = layers[i].job->require_end;
    options.diff_id = layers[i].job->diff_id;
    if (job.max_bytes != 0) options.limits.max_bytes = job.max_bytes;
    if (job.max_entries != 0) options.limits.max_entries = job.max_entries;
    options.tick = [&](const UnpackTotals& so_far, uint64_t consumed) {
      if (!pace.due()) return;
      report({{"bytes", so_far.bytes}, {"entries", so_far.entries}, {"consumed", consumed}, {"layer", i}});
    };
    unpack_layer(layers[i].file.get(), layers[i].name, tree, totals, options);
  }
  return {.bytes = totals.bytes, .entries = totals.entries, .kind = ""};
}

// The child's answer, one JSON object.
base::Json answer_of(const UnpackJob& job, const std::vector<Layer>& layers) {
  Reading reading;
  std::string error;
  std::string hint;
  try {
    if (job.task == UnpackJob::Task::kKind) {
      confine_unpacking("");
      reading.kind = archive_kind(layers[0].file.get(), layers[0].name);
    } else {
      confine_unpacking(job.tree);
      reading = unpack_all(job, layers);
    }
  } catch (const base::Error& failure) {
    error = failure.problem();
    hint = failure.hint();
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  return {
      {"bytes", reading.bytes}, {"entries", reading.entries}, {"kind", reading.kind}, {"error", error}, {"hint", hint}};
}

// noexcept: an exception must not go on into what the parent does.
[[noreturn]] void read_in_child(const UnpackJob& job, const std::vector<Layer>& layers, int answer_fd) noexcept {
  for (const int number : {kLifeFd, kLockFd}) ::close(number);
  const std::string answer = base::to_line(answer_of(job, layers));
  base::write_all(answer_fd, {answer.data(), answer.size()}, "the answer");
  ::_exit(0);
}

Reading parse_answer(const std::string& text) {
  const base::Json json = base::parse_json_object(text, "the answer of what reads the archive");
  base::JsonReader reader(json, "the answer of what reads the archive");
  Reading reading;
  reading.bytes = reader.required<uint64_t>("bytes");
  reading.entries = reader.required<uint64_t>("entries");
  reading.kind = reader.required<std::string>("kind");
  const auto error = reader.required<std::string>("error");
  const auto hint = reader.required<std::string>("hint");
  reader.finish();
  if (!error.empty()) throw base::Error(base::escaped(error), base::escaped(hint));
  return reading;
}

}  // namespace

void report(const base::Json& json) {
  const std::string line = base::to_line(json) + "\n";
  base::write_all(kReportFd, {line.data(), line.size()}, "the report");
}

Reading read_archives(const UnpackJob& job) {
  if (job.task == UnpackJob::Task::kKind && job.layers.size() != 1)
    throw base::Error("the unpacking job needs one archive");
  const std::vector<Layer> layers = open_layers(job);
  base::FdPair pipe = base::make_pipe();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error("cannot start", "the unpacking");
  if (pid == 0) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
    read_in_child(job, layers, pipe.second.get());
  }
  base::Child child(pid, base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  pipe.second.reset();
  const std::string answer = base::read_all(pipe.first.get(), kMaxAnswerBytes, "the answer of what reads the archive");
  const base::ExitStatus status = child.wait();
  if (!status.ok()) throw base::Error("what reads the archive " + status.text());
  return parse_answer(answer);
}

}  // namespace caisson::image
