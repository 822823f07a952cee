// SPDX-License-Identifier: Apache-2.0

#include "bench/host_processes.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

constexpr std::chrono::seconds kKeeperLimit{30};

std::string folder_of(int64_t pid) {
  return "/proc/" + std::to_string(pid);
}

// proc(5): each thread has the children that it has forked.
std::vector<int64_t> children_of(int64_t pid) {
  std::vector<int64_t> children;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator(folder_of(pid) + "/task", gone)) {
    std::istringstream numbers(base::read_file_if_exists(thread.path().string() + "/children").value_or(""));
    for (int64_t child = 0; numbers >> child;) children.push_back(child);
  }
  return children;
}

void wait_for_end(const Runner& runner, int64_t pid) {
  const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!pidfd) return;
  std::vector<pollfd> descriptors{{.fd = pidfd.get(), .events = POLLIN, .revents = 0}};
  if (!runner.wait(descriptors, std::chrono::steady_clock::now() + kKeeperLimit))
    throw base::Error("the keeper with process id " + std::to_string(pid) + " did not end within " +
                      std::to_string(kKeeperLimit.count()) + " s");
  ::waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG);
}

}  // namespace

int64_t bytes_of_field(std::string_view text, std::string_view key) {
  for (const std::string& line : base::split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    std::string_view value = base::trimmed(std::string_view(line).substr(key.size()));
    if (!value.ends_with(" kB")) break;
    value.remove_suffix(3);
    if (const auto kib = base::parse_number<int64_t>(value)) return *kib * 1024;
  }
  throw base::Error("the kernel's account of memory has no usable " + base::in_quotes(key));
}

int64_t available_bytes() {
  return bytes_of_field(base::read_file("/proc/meminfo"), "MemAvailable:");
}

ProportionalSize proportional_size(int64_t pid) {
  const std::string text = base::read_file(folder_of(pid) + "/smaps_rollup");
  return {.bytes = bytes_of_field(text, "Pss:"), .anonymous_bytes = bytes_of_field(text, "Pss_Anon:")};
}

double processor_us(int64_t pid) {
  double sum_ns = 0;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator(folder_of(pid) + "/task", gone)) {
    std::istringstream numbers(base::read_file_if_exists(thread.path().string() + "/schedstat").value_or(""));
    double on_processor_ns = 0;
    if (numbers >> on_processor_ns) sum_ns += on_processor_ns;
  }
  if (sum_ns == 0) throw base::Error("the kernel has no account of the processor time of " + std::to_string(pid));
  return sum_ns / 1000;
}

std::vector<int64_t> process_tree(int64_t pid) {
  std::vector<int64_t> tree{pid};
  for (size_t next = 0; next < tree.size(); ++next) {
    for (const int64_t child : children_of(tree[next])) tree.push_back(child);
  }
  return tree;
}

void adopt_keepers() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) throw base::system_error("cannot adopt", "keepers");
}

void wait_for_keepers(const Runner& runner) {
  for (const int64_t pid : children_of(::getpid())) {
    const auto command_line = base::read_file_if_exists(folder_of(pid) + "/cmdline");
    // Empty: it has ended and waits to be reaped. Commands of ours are reaped by their owners before this is called.
    if (command_line && (command_line->empty() || is_keeper(*command_line))) wait_for_end(runner, pid);
  }
}

bool is_keeper(std::string_view command_line) {
  using namespace std::string_view_literals;
  const size_t end_of_program = command_line.find('\0');
  return end_of_program != std::string_view::npos &&
         command_line.substr(end_of_program + 1).starts_with("keeper\0--folder\0"sv);
}

}  // namespace caisson::bench
