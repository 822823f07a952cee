// SPDX-License-Identifier: Apache-2.0

// caisson-share: serves one folder or file to one guest, as a FUSE server behind a wall of its own.
//
//   caisson-share '{"mode":"ro","masks":[".env*"],"unmask":[],"own":[],"started_ns":N}'
//
// The keeper starts it with: 3, the stream of FUSE messages; 4, the folder or file (O_PATH); 5, the baseline log (may
// be missing). Exit code 0 at the end of the stream, 1 with a line on stderr where it could not serve or the guest
// broke the protocol.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "base/error.h"
#include "base/json_reader.h"
#include "share/confinement.h"
#include "share/server.h"

namespace {

using namespace caisson;

constexpr int kChannel = 3;
constexpr int kRoot = 4;
constexpr int kBaseline = 5;

share::ShareOptions parse(std::string_view text) {
  const base::Json json = base::parse_json_object(text, "the options of caisson-share");
  base::JsonReader reader(json, "the options of caisson-share");
  const auto mode = reader.required<std::string>("mode");
  if (mode != "ro" && mode != "rw") throw base::Error("the mode " + base::in_quotes(mode) + " is neither ro nor rw");
  share::ShareOptions options{.mode = mode == "rw" ? share::Mode::kReadWrite : share::Mode::kReadOnly};
  options.masks = reader.required<std::vector<std::string>>("masks");
  options.unmask = reader.required<std::vector<std::string>>("unmask");
  options.own = reader.required<std::vector<std::string>>("own");
  options.started_ns = reader.required<int64_t>("started_ns");
  reader.finish();
  return options;
}

base::Fd inherited(int number) {
  if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) return {};
  return base::Fd(number);
}

// As many as this process may have; the soft limit is often low for the sake of select(2).
size_t raise_descriptor_limit() {
  constexpr rlim_t kEnough = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw base::system_error("cannot read the limit of", "open files");
  limit.rlim_cur = std::min(limit.rlim_max, std::max(limit.rlim_cur, kEnough));
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<size_t>(limit.rlim_cur);
}

int run(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 2) throw base::Error("caisson-share is run by a sandbox's keeper");
  share::ShareOptions options = parse(argv[1]);
  options.channel = inherited(kChannel);
  options.root = inherited(kRoot);
  options.baseline = inherited(kBaseline);
  if (!options.channel || !options.root) throw base::Error("descriptors 3 and 4 are not open");
  options.limits.descriptors = raise_descriptor_limit();
  share::confine(options);
  return share::serve(std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "caisson-share: {}\n", error.what());
    return 1;
  }
}
