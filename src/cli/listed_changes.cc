// SPDX-License-Identifier: Apache-2.0

#include "cli/listed_changes.h"

#include "changes/report.h"
#include "cli/command.h"
#include "cli/pager.h"
#include "cli/question.h"
#include "cli/terminal.h"

namespace caisson::cli {
namespace {

constexpr const char* kIndent = "  ";

// With room for the heading and the question. A tab and a prefix are in each line; a character that has several bytes
// counts for more than it takes.
bool fits_on_screen(const std::vector<const changes::Change*>& some) {
  const TerminalSize size = terminal_size(2).value_or(TerminalSize());
  size_t rows = 3;
  for (const changes::Change* change : some) {
    rows += 1 + (changes::name_line(*change).size() + 20) / size.columns;
    if (rows > size.rows) return false;
  }
  return true;
}

}  // namespace

void list_all(const std::string& heading, const std::vector<const changes::Change*>& some) {
  warn(heading);
  if (!can_ask() || !is_terminal(1) || fits_on_screen(some)) {
    for (const changes::Change* change : some) warn(kIndent + changes::name_line(*change));
    return;
  }
  Pager pager;
  if (!pager.write(heading + "\n")) return;
  for (const changes::Change* change : some) {
    if (!pager.write(kIndent + changes::name_line(*change) + "\n")) return;
  }
}

}  // namespace caisson::cli
