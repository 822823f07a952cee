// SPDX-License-Identifier: Apache-2.0

// What the host asks about the changes in a workspace, one stream for each question:
//
//   {"service":"changes","id":N,"content":bool}     answered by {"ok":true} and records (change_format.h) until the FIN
//   {"service":"discard","id":N,"paths":["HEX",…]}  answered when the changes are gone
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json_reader.h"

namespace caisson::link {

template <typename Message>
Message from_json(const base::Json& json);

struct ChangesRequest {
  uint32_t id = 0;       // of a workspace
  bool content = false;  // of files, too
};

struct DiscardRequest {
  uint32_t id = 0;
  // From the workspace's root, as bytes; on the wire each is hexadecimal digits. None: all changes.
  std::vector<std::string> paths;
};

base::Json to_json(const ChangesRequest&);
base::Json to_json(const DiscardRequest&);
template <>
ChangesRequest from_json(const base::Json& json);
template <>
DiscardRequest from_json(const base::Json& json);

}  // namespace caisson::link
