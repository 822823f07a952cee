// SPDX-License-Identifier: Apache-2.0

// Where the commands of `secret` get values and the passphrase from: never from the command line.
#pragma once

#include <string>

#include "secrets/store.h"
#include "secrets/value.h"

namespace caisson::cli {

// This user's; the passphrase is asked for on the terminal, whatever stdin is.
secrets::Store own_secrets();

// A line of a terminal's, typed and not shown, behind `prompt` on `screen`. Throws Exit for ctrl-c.
secrets::Value ask_hidden(int terminal, int screen, const std::string& prompt);

// Of the variable that --from-env names. Throws a base::Error in which the name is not: it may be the value.
secrets::Value value_of_variable(const std::string& variable);

// From stdin: asked for on a terminal, otherwise all that comes.
secrets::Value value_of_stdin(const std::string& name);

}  // namespace caisson::cli
