// SPDX-License-Identifier: Apache-2.0

#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "cli/habits.h"
#include "keeper/client.h"

namespace caisson::cli {
namespace {

using base::in_quotes;

class OverviewHelp final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string /*name*/, CLI::AppFormatMode /*mode*/) const override {
    std::string out =
        "Usage: caisson COMMAND [OPTIONS] …\n\nA computer of its own for an AI agent.\n\n" + command_list(*app);
    return out +
           "\nOptions:\n  -h, --help  what a command does: caisson COMMAND --help\n  --version   same as 'caisson "
           "version'\n"
           "\nExamples:\n"
           "  caisson run -- docker run --rm caisson/hello   a container in a machine of its own\n"
           "  caisson run -it                                a shell in one\n";
  }
};

const CLI::Option* find_option(const CLI::App& command, const std::string& name) {
  return command.get_option_no_throw(name);
}

bool takes_value(const CLI::Option* option) {
  return option != nullptr && option->get_items_expected_max() > 0;
}

// Whether the value of the option at the end of `word` is the next word.
bool wants_next_word(const CLI::App& command, const std::string& word) {
  if (word.starts_with("--")) return word.find('=') == std::string::npos && takes_value(find_option(command, word));
  for (size_t i = 1; i < word.size(); ++i) {
    if (takes_value(find_option(command, std::string("-") + word[i]))) return i + 1 == word.size();
  }
  return false;
}

// How many letters must be put in, left out, changed or swapped with their neighbour (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row.back();
}

std::vector<std::string> sub_command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

// What goes before "see …": a habit's remedy, or the nearest of ours.
std::string meant(std::string_view habit, const std::string& word, const std::vector<std::string>& candidates) {
  if (!habit.empty()) return fmt::format("{}; ", habit);
  const std::string near = closest(word, candidates);
  return near.empty() ? "" : fmt::format("did you mean {}? ", near);
}

const CLI::App& deepest(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

// "caisson image ls"
std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

// The first positional argument that is required and was not given, as the help names it; "" for none.
std::string missing_argument(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_required() || option->count() != 0 || !option->get_positional()) continue;
    std::string name = option->get_single_name();
    if (name == "names") name = "name";
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
    return name;
  }
  return {};
}

base::Error explain(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& command = deepest(root);
  const std::string see = fmt::format("see '{} --help'", full_name(command));
  const bool has_commands = !command.get_subcommands(nullptr).empty();
  if (const std::vector<std::string> rest = command.remaining(); !rest.empty()) {
    const std::string& word = rest.front();
    if (word.size() > 1 && word[0] == '-') {
      const std::string flag = word.substr(0, word.find('='));
      return base::Error("unknown flag " + in_quotes(flag),
                         meant(habit_of_flag(command.get_name(), flag), flag, option_names(command)) + see);
    }
    if (!has_commands) return base::Error("unexpected argument " + in_quotes(word), see);
    return base::Error("unknown command " + in_quotes(word), meant({}, word, sub_command_names(command)) + see);
  }
  if (has_commands) return base::Error("which one of its commands is missing", see);
  if (const std::string missing = missing_argument(command); !missing.empty())
    return base::Error("the argument " + missing + " is missing", see);
  std::string text = error.what();
  // CLI11 says "--engine: 1 required ENGINE missing".
  if (const size_t colon = text.find(':'); error.get_name() == "ArgumentMismatch" && text.starts_with('-') &&
                                           colon != std::string::npos && text.find("required") != std::string::npos)
    return base::Error("the option " + in_quotes(text.substr(0, colon)) + " needs a value", see);
  if (const size_t line = text.find('\n'); line != std::string::npos) text.resize(line);
  return base::Error(base::escaped(text), see);
}

void print_error(const base::Error& error) {
  warn(error.what());
}

int run_command(const CommandEntry& entry, std::vector<std::string> words) {
  CLI::App root{"", "caisson"};
  root.formatter(std::make_shared<OverviewHelp>());
  root.set_help_flag("--help,-h", "show this help");
  Tail tail;
  entry.add(root, tail);
  if (entry.words_before_tail >= 0) {
    tail = cut_tail(*root.get_subcommand(std::string(entry.name)), entry.words_before_tail, words);
  } else if (!words.empty() && !entry.with_tail.empty() && words[0] == entry.with_tail) {
    const CLI::App& command = *root.get_subcommand(std::string(entry.name))->get_subcommand(words[0]);
    tail = cut_tail(command, 1, words);
  }
  words.insert(words.begin(), std::string(entry.name));
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    root.parse(std::move(words));
    return 0;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", root.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    print_error(explain(root, error));
    return kOurFailure;
  }
}

int show_overview(std::FILE* to) {
  CLI::App root{"", "caisson"};
  root.formatter(std::make_shared<OverviewHelp>());
  Tail tail;
  for (const CommandEntry& entry : all_commands()) entry.add(root, tail);
  fmt::print(to, "{}", root.help());
  return to == stdout ? 0 : kOurFailure;
}

int dispatch(std::vector<std::string> words) {
  if (words.empty()) return show_overview(stderr);
  std::string name = words.front();
  if (name == "help" && words.size() > 1) {
    words = {words[1], "--help"};
    name = words.front();
  }
  if (name == "--help" || name == "-h" || name == "help") return show_overview(stdout);
  if (name == "--version") name = "version";
  for (const CommandEntry& entry : all_commands()) {
    if (entry.name == name) return run_command(entry, {words.begin() + 1, words.end()});
  }
  const bool flag = name.starts_with('-');
  print_error(base::Error((flag ? "unknown flag " : "unknown command ") + in_quotes(name),
                          meant(habit_of_command(name), name, command_names()) + "see 'caisson --help'"));
  return kOurFailure;
}

// A reader that has gone is no failure, as with the output of `run`.
int lost_output(int errnum, int code) {
  if (errnum == EPIPE) return code;
  print_error(base::Error(std::string("cannot write to stdout: ") + strerror(errnum)));
  return kOurFailure;
}

int run_and_report(std::vector<std::string> words) {
  try {
    return dispatch(std::move(words));
  } catch (const Exit& exit) {
    return exit.code;
  } catch (const keeper::ApiError& error) {
    print_error(error);
    return error.exit_code();
  } catch (const base::Error& error) {
    print_error(error);
    return kOurFailure;
  } catch (const std::system_error& error) {
    // fmt::print's, when more is printed than stdout holds back.
    if (std::ferror(stdout) != 0) return lost_output(error.code().value(), 0);
    print_error(base::Error(base::escaped(error.what())));
    return kOurFailure;
  } catch (const std::exception& error) {
    print_error(base::Error(std::string("internal error: ") + base::escaped(error.what())));
    return kOurFailure;
  }
}

}  // namespace

Tail cut_tail(const CLI::App& command, int words_before, std::vector<std::string>& words) {
  Tail tail;
  std::vector<std::string> kept;
  size_t at = 0;
  for (; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (word == "--") {
      tail.separated = true;
      ++at;
      // "exec -- NAME COMMAND": what is missing before the tail comes first.
      for (; words_before > 0 && at < words.size(); --words_before) kept.push_back(words[at++]);
      break;
    }
    if (word.size() > 1 && word[0] == '-') {
      kept.push_back(word);
      if (!wants_next_word(command, word) || at + 1 == words.size()) continue;
      if (words[at + 1] == "--")
        throw base::Error("the option " + in_quotes(word) + " needs a value",
                          fmt::format("-- is none; see '{} --help'", full_name(command)));
      kept.push_back(words[++at]);
      continue;
    }
    if (words_before == 0) break;
    --words_before;
    kept.push_back(word);
  }
  tail.words.assign(words.begin() + static_cast<ptrdiff_t>(std::min(at, words.size())), words.end());
  words = std::move(kept);
  return tail;
}

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;  // farther is a guess
  if (word.size() > 64) return best;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

int run_command_line(std::vector<std::string> words) {
  const int code = run_and_report(std::move(words));
  // What was printed may be held back until now.
  return std::fflush(stdout) == 0 ? code : lost_output(errno, code);
}

}  // namespace caisson::cli
