// SPDX-License-Identifier: Apache-2.0

// Any text as a rule: refused with a base::Error, or read as something that is written and read as itself. And any text
// as a path: its canonical form is its own.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "gate/http_path.h"
#include "gate/rule.h"

namespace caisson::gate {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::string_view text) {
  if (const auto path = canonical_path(text)) {
    require(canonical_path(path->text()).value().text() == path->text());
    require(path_matches("/**", path->text()) && path_resembles(path->text(), path->text()));
  }
  Rule rule;
  try {
    rule = parse_rule(text);
  } catch (const base::Error&) {
    return;
  }
  require(parse_rule(to_string(rule)) == rule);
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::gate::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
