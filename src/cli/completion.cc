// SPDX-License-Identifier: Apache-2.0

// caisson completion: scripts that ask `caisson __complete` (complete.h), so that they never need to change.

#include "cli/completion.h"

#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"

namespace caisson::cli {
namespace {

constexpr std::string_view kBash = R"(# bash completion for caisson
_caisson() {
  local current=${COMP_WORDS[COMP_CWORD]} line
  local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  # bash takes NAME:PATH apart at the colon; what is behind it is a path in the sandbox.
  while IFS= read -r line; do
    case $line in
      :files)
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
        ;;
      *:)
        compopt -o nospace 2>/dev/null
        COMPREPLY+=("$line")
        ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
}
complete -F _caisson caisson
)";

constexpr std::string_view kZsh = R"(#compdef caisson
_caisson() {
  local -a found
  found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( ${found[(I):files]} )); then
    found=("${(@)found:#:files}")
    _files
  fi
  compadd -S '' -- "${(@M)found:#*:}"
  compadd -- "${(@)found:#*:}"
}
if [ "${funcstack[1]}" = _caisson ]; then
  _caisson "$@"
else
  compdef _caisson caisson
fi
)";

constexpr std::string_view kFish = R"(# fish completion for caisson
function __caisson_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (command $words[1] __complete $words[2..-1] 2>/dev/null)
    if test "$line" = ':files'
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c caisson -f -a '(__caisson_complete)'
)";

}  // namespace

const std::vector<std::string>& completion_shells() {
  static const std::vector<std::string> kShells = {"bash", "zsh", "fish"};
  return kShells;
}

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  throw base::Error("there is no completion for the shell " + base::in_quotes(shell),
                    "the shells are: " + base::join(completion_shells(), ", "));
}

void add_completion_command(CLI::App& app) {
  CLI::App& command = add_command(app, {"completion", "SHELL", "print the completion script for bash, zsh or fish",
                                        "Examples:\n"
                                        "  source <(caisson completion bash)\n"
                                        "  caisson completion fish > ~/.config/fish/completions/caisson.fish"});
  const auto shell = std::make_shared<std::string>();
  command.add_option("shell", *shell, "bash, zsh or fish")->required();
  command.callback([shell] { fmt::print("{}", completion_script(*shell)); });
}

}  // namespace caisson::cli
