// SPDX-License-Identifier: Apache-2.0

#include "cli/habits.h"

namespace caisson::cli {
namespace {

struct Habit {
  std::string_view word;
  std::string_view remedy;
};

constexpr Habit kCommands[] = {{"ps", "caisson ls lists the sandboxes"},
                               {"kill", "caisson stop -t 0 NAME ends one at once, caisson rm -f NAME removes it, too"},
                               {"rmi", "caisson image rm NAME removes an image"},
                               {"images", "caisson image ls lists the images"},
                               {"top", "caisson exec NAME top shows what runs in a sandbox"},
                               {"restart", "caisson stop NAME and then caisson start NAME boots it again"},
                               {"create", "caisson run -d makes a sandbox and starts it"},
                               {"build", "docker build works inside: caisson run -- docker build …"},
                               {"rename", "a sandbox keeps its name; run --name gives one"},
                               {"pull", "caisson image import NAME docker://REFERENCE fetches an image"}};

constexpr std::string_view kShareFolders = "-w HOST[:GUEST][:overlay|ro|rw|clone] shares a folder or file";

constexpr Habit kRunFlags[] = {{"--rm", "a sandbox is removed at its end without being asked; --keep keeps it"},
                               {"-v", kShareFolders},
                               {"--volume", kShareFolders},
                               {"--mount", kShareFolders},
                               {"--network", "--net says what it may reach: none, locked, balanced, open or a file"},
                               {"--privileged", "root inside may do everything already: -u root"}};

}  // namespace

std::string_view habit_of_command(std::string_view command) {
  for (const Habit& habit : kCommands) {
    if (command == habit.word) return habit.remedy;
  }
  return {};
}

std::string_view habit_of_flag(std::string_view command, std::string_view flag) {
  if (command != "run") return {};
  // The value of a short flag may follow at once: -v/a:/b.
  if (!flag.starts_with("--")) flag = flag.substr(0, 2);
  for (const Habit& habit : kRunFlags) {
    if (flag == habit.word) return habit.remedy;
  }
  return {};
}

}  // namespace caisson::cli
