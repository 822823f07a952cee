// SPDX-License-Identifier: Apache-2.0

#include "image/image_builder.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/install.h"
#include "base/process.h"
#include "base/text.h"

namespace caisson::image {
namespace {

constexpr int kIdleUnpackMilliseconds = 400;
constexpr size_t kMaxReportBytes = 64U << 10;

// Takes the helper's lines apart and keeps the last word.
class Reports {
 public:
  Reports(const UnpackJob& job, const RunOptions& options, base::Progress& progress)
      : job_(job), options_(options), progress_(progress) {}

  // False at the end of the stream.
  bool read(int fd) {
    char buffer[16384];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    pending_.append(buffer, static_cast<size_t>(got));
    size_t end;
    while ((end = pending_.find('\n')) != std::string::npos) {
      take_line(pending_.substr(0, end));
      pending_.erase(0, end + 1);
    }
    if (pending_.size() > kMaxReportBytes) throw base::Error("caisson-unpack reports too much");
    return true;
  }

  UnpackResult result(const base::ExitStatus& status) const {
    if (failure_) throw *failure_;
    if (result_ && status.ok()) return *result_;
    throw base::Error("the helper program caisson-unpack " + status.text() + " without an answer");
  }

 private:
  // What reads the archive writes here too, and an archive may have taken it over.
  void take_line(const std::string& line) {
    try {
      take(base::parse_json_object(line, "a report of caisson-unpack"));
    } catch (const base::Json::exception&) {
      throw base::Error("a report of caisson-unpack is not one");
    }
  }

  void take(const base::Json& json) {
    if (json.contains("done")) {
      result_ = result_from_json(json["done"]);
    } else if (json.contains("error")) {
      failure_ = base::Error(base::escaped(json.value("error", "")), base::escaped(json.value("hint", "")));
    } else if (json.contains("written")) {
      const auto total = json.value("total", uint64_t{0});
      const auto written = json.value("written", uint64_t{0});
      progress_.update(total == 0 ? -1 : std::min(1.0, static_cast<double>(written) / static_cast<double>(total)),
                       "writing the image, " + base::to_string(base::Bytes{written}));
    } else {
      unpacking(json);
    }
  }

  void unpacking(const base::Json& json) {
    const auto layer = json.value("layer", size_t{0});
    const auto consumed = json.value("consumed", uint64_t{0});
    if (layer != layer_) {
      before_ += last_consumed_;
      layer_ = layer;
    }
    last_consumed_ = consumed;
    double fraction = -1;
    if (options_.input_bytes != 0)
      fraction = std::min(1.0, static_cast<double>(before_ + consumed) / static_cast<double>(options_.input_bytes));
    std::string detail = "unpacking, " + std::to_string(json.value("entries", uint64_t{0})) + " files";
    if (job_.layers.size() > 1)
      detail += ", layer " + std::to_string(layer + 1) + " of " + std::to_string(job_.layers.size());
    progress_.update(fraction, detail);
  }

  const UnpackJob& job_;
  const RunOptions& options_;
  base::Progress& progress_;
  std::string pending_;
  std::optional<UnpackResult> result_;
  std::optional<base::Error> failure_;
  size_t layer_ = 0;
  uint64_t before_ = 0;
  uint64_t last_consumed_ = 0;
};

std::vector<std::string> command_line(const UnpackJob& job) {
  std::vector<std::string> argv;
  if (job.task == UnpackJob::Task::kImage) {
    require_program("fakeroot", "fakeroot");
    require_program("mkfs.erofs", "erofs-utils");
    argv.emplace_back("fakeroot");
    // A folder that root gives keeps its owners; to everybody else fakeroot shows what they have as root's.
    if (job.layers.empty() && ::geteuid() == 0) argv.emplace_back("-u");
    argv.emplace_back("--");
  }
  argv.push_back(base::helper_program("caisson-unpack"));
  argv.push_back(base::to_line(to_json(job)));
  return argv;
}

void follow(int report_fd, Reports& reports, const RunOptions& options) {
  pollfd waits[2] = {{.fd = report_fd, .events = POLLIN, .revents = 0},
                     {.fd = options.watch.fd, .events = POLLIN, .revents = 0}};
  while (waits[0].fd >= 0 || waits[1].fd >= 0) {
    const int ready = ::poll(waits, 2, kIdleUnpackMilliseconds);
    if (ready < 0 && errno != EINTR) throw base::system_error("cannot wait for", "caisson-unpack");
    if (ready <= 0) {
      if (options.idle) options.idle();
      continue;
    }
    if (waits[0].revents != 0 && !reports.read(report_fd)) waits[0].fd = -1;
    if (waits[1].revents != 0 && !options.watch.readable()) waits[1].fd = -1;
  }
}

}  // namespace

void require_program(const std::string& name, const std::string& package) {
  if (base::find_program(name).empty())
    throw base::Error("the program " + base::in_quotes(name) + " is missing", "install the package '" + package + "'");
}

UnpackResult run_unpack(const UnpackJob& job, const WorkFolder& work, const RunOptions& options,
                        base::Progress& progress) {
  base::FdPair report = base::make_pipe();
  base::FdPair life = base::make_pipe();
  base::SpawnOptions spawn;
  spawn.argv = command_line(job);
  spawn.descriptors = {
      {report.second.get(), kReportFd}, {life.first.get(), kLifeFd}, {work.lock_fd(), kLockFd}, {2, 2}};
  if (options.input >= 0) spawn.descriptors.emplace_back(options.input, 0);
  // fakeroot's script must live on to stop its daemon; the life pipe ends what runs in it.
  spawn.die_with_parent = false;
  // So a signal to our whole process group must not reach the script either.
  spawn.new_session = true;
  base::Child helper = base::spawn(spawn);
  report.second.reset();
  life.first.reset();
  try {
    Reports reports(job, options, progress);
    follow(report.first.get(), reports, options);
    const base::ExitStatus status = helper.wait();
    return reports.result(status);
  } catch (...) {
    life.second.reset();
    if (helper) helper.wait();
    throw;
  }
}

}  // namespace caisson::image
