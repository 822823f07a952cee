// SPDX-License-Identifier: Apache-2.0

#include "cli/secret_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace caisson::cli {
namespace {

using base::Error;
using secrets::PassphraseFor;
using secrets::Value;

// What a terminal's line has room for (termios(3), canonical mode), its end included: what is beyond is lost.
constexpr size_t kMaxHiddenLine = 4096;
constexpr size_t kMinPassphraseBytes = 8;
constexpr int kInterruptedCode = 130;  // as a shell has it

// Whether the line was interrupted; `filled` is its length without its end.
bool read_hidden(int terminal, Value& buffer, size_t& filled) {
  while (filled < buffer.size()) {
    const ssize_t got = ::read(terminal, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::system_error("cannot read from", "the terminal");
    if (got == 0) return false;
    filled += static_cast<size_t>(got);
    const char last = buffer.reveal()[filled - 1];
    if (last == kCtrlC) return true;
    if (last != '\n') continue;
    --filled;
    return false;
  }
  return false;
}

base::Fd own_terminal(PassphraseFor what) {
  try {
    return base::open_file("/dev/tty", O_RDWR | O_NOCTTY);
  } catch (const Error&) {
    throw Error("cannot ask for the passphrase of the secrets: there is no terminal",
                what == PassphraseFor::kNewFile
                    ? "run it on one; --store plain keeps them in a file that no passphrase seals"
                    : "run it on one");
  }
}

Value ask_passphrase(PassphraseFor what) {
  const base::Fd terminal = own_terminal(what);
  const auto ask = [&](const std::string& prompt) {
    Value typed = ask_hidden(terminal.get(), terminal.get(), prompt);
    if (typed.empty()) throw Error("no passphrase was typed");
    return typed;
  };
  if (what == PassphraseFor::kOpening) return ask("Passphrase of the secrets: ");
  Value first = ask("New passphrase, which seals the file of secrets: ");
  if (first.size() < kMinPassphraseBytes)
    throw Error(fmt::format("the passphrase has fewer than {} bytes", kMinPassphraseBytes), "several words are best");
  if (!secrets::same_value(first, ask("Again: ")))
    throw Error("the two passphrases differ", "nothing was kept; try again");
  return first;
}

}  // namespace

secrets::Store own_secrets() {
  return secrets::Store(ask_passphrase);
}

Value ask_hidden(int terminal, int screen, const std::string& prompt) {
  Value buffer(kMaxHiddenLine);
  size_t filled = 0;
  bool interrupted = false;
  {
    const HiddenLines hidden(terminal);
    // What was typed before is no answer, and was shown.
    ::tcflush(terminal, TCIFLUSH);
    base::write_all(screen, prompt, "the terminal");
    interrupted = read_hidden(terminal, buffer, filled);
  }
  if (interrupted) {
    base::write_all(screen, std::string_view("\n"), "the terminal");
    throw Exit{kInterruptedCode};
  }
  if (filled + 1 >= kMaxHiddenLine)
    throw Error(fmt::format("a line of a terminal has no more than {} bytes", kMaxHiddenLine - 2),
                "give it on stdin: caisson secret set NAME < FILE");
  return Value::copy_of(buffer.reveal().substr(0, filled));
}

Value value_of_variable(const std::string& variable) {
  const char* text = variable.empty() ? nullptr : std::getenv(variable.c_str());
  if (text == nullptr)
    throw Error("the variable that --from-env names is not set", "write its name, without a '$': --from-env GH_TOKEN");
  return secrets::checked_value(Value::copy_of(text), "the variable " + base::in_quotes(variable));
}

Value value_of_stdin(const std::string& name) {
  const std::string what = "the value of " + base::in_quotes(name);
  // One byte and the end of a line more: what is too long is said by the check, too.
  if (!is_terminal(STDIN_FILENO))
    return secrets::checked_value(secrets::read_value(STDIN_FILENO, secrets::kMaxValueBytes + 3, what), what);
  return secrets::checked_value(
      ask_hidden(STDIN_FILENO, STDERR_FILENO, fmt::format("Value of '{}' (it is not shown): ", name)), what);
}

}  // namespace caisson::cli
