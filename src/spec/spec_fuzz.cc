// SPDX-License-Identifier: Apache-2.0

// The spec's parsers on any bytes. The first byte chooses the parser, the rest is its text; whatever a parser takes
// must be inside its bounds, and a spec must survive the round trip through JSON.

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "spec/sandbox_spec.h"

namespace {

using namespace caisson;

void require(bool holds) {
  if (!holds) std::abort();
}

const char* no_variable(const char*) {
  return nullptr;
}

void try_parser(char which, std::string_view text) {
  switch (which) {
    case 'p': {
      const spec::PortPublish port = spec::parse_port(text);
      require(port.guest_port != 0);
      spec::SandboxSpec wanted{.name = "x", .ports = {port}};
      spec::validate(wanted);
      break;
    }
    case 'd':
      require(spec::parse_duration(text).count() >= 0);
      break;
    case 'e': {
      const auto entry = spec::parse_environment(text, no_variable);
      require(!entry || entry->find('=') != 0);
      break;
    }
    case 'f':
      for (const std::string& entry : spec::parse_environment_file(text, "file")) {
        require(entry.find('=') != std::string::npos && entry[0] != '=');
      }
      break;
    case 'w': {
      const spec::WorkspaceWish wish = spec::parse_workspace(text);
      require(!wish.host.empty() && (wish.guest.empty() || wish.guest[0] == '/'));
      break;
    }
    case 'c': {
      const auto clean = spec::clean_path(text);
      require(!clean || spec::clean_path(*clean) == clean);
      break;
    }
    case 'n':
      spec::validate_name(text);
      require(!text.empty() && text.find('/') == std::string_view::npos);
      break;
    default: {
      const spec::SandboxSpec read = spec::spec_from_json(base::parse_json_object(text, "spec"));
      const base::Json once = spec::to_json(read);
      require(spec::to_json(spec::spec_from_json(once)) == once);
      static_cast<void>(once.dump());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    try_parser(static_cast<char>(data[0]), text);
  } catch (const caisson::base::Error&) {
    // Refused, in words: that is the parser's work.
  }
  return 0;
}
