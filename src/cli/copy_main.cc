// SPDX-License-Identifier: Apache-2.0

// caisson-cp: packs and unpacks the archives of `caisson cp` on this machine. A program of its own, so that libarchive,
// which reads what a sandbox sent, is neither in the caisson program nor loaded at its start.
//
//   caisson-cp pack PATH NAME nofollow|follow   → tar on stdout
//   caisson-cp unpack TOP TARGET                ← tar on stdin

#include <fmt/format.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/archive_confinement.h"
#include "cli/archive_pack.h"
#include "cli/archive_unpack.h"

namespace {

// Ctrl-C goes to the whole foreground group. `caisson` ends by it, which is the end of the archive here: then what is
// half written is removed, as after any archive that was cut off.
void end_with_the_archive_only() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
}

std::vector<std::string> run(const std::vector<std::string_view>& words) {
  using namespace caisson::cli;
  if (words.size() == 4 && words[0] == "pack") {
    const PackOptions options{
        .path = std::string(words[1]), .name = std::string(words[2]), .follow_link = words[3] == "follow"};
    confine_packing(options);
    return pack(options);
  }
  if (words.size() == 3 && words[0] == "unpack") {
    end_with_the_archive_only();
    UnpackOptions options{.top = std::string(words[1]), .target = open_target(std::string(words[2]))};
    confine_unpacking(options.target);
    return unpack(std::move(options));
  }
  throw std::invalid_argument("caisson-cp is run by `caisson cp`");
}

}  // namespace

int main(int argc, char** argv) {
  // libarchive converts names by the locale's character set.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  try {
    for (const std::string& left_out : run({argv + 1, argv + argc})) {
      fmt::print(stderr, "caisson: not copied: {}\n", left_out);
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "caisson: {}\n", error.what());
    return 1;
  }
}
