// SPDX-License-Identifier: Apache-2.0

// The keeper's API from the side of the CLI: blocking, without an event loop. docs/openapi.yaml describes the routes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_reader.h"
#include "keeper/record.h"

namespace caisson::keeper {

// An error that the keeper answered, or that its connection broke (exit code 125).
class ApiError : public base::Error {
 public:
  ApiError(const std::string& problem, const std::string& hint, int exit_code, int http_status)
      : base::Error(problem, hint), exit_code_(exit_code), http_status_(http_status) {}
  // What the CLI exits with.
  int exit_code() const noexcept { return exit_code_; }
  // 0 when the connection broke.
  int http_status() const noexcept { return http_status_; }

 private:
  int exit_code_;
  int http_status_;
};

// A connection that speaks frames or raw bytes now.
struct Upgraded {
  base::Fd connection;
  std::string early_bytes;  // what was read behind the answer's header
};

class Client {
 public:
  // Takes over a connection, such as launch_keeper's.
  explicit Client(base::Fd connection);
  // A new connection to a running sandbox's keeper; throws when it does not run, or hangs and takes none.
  static Client connect(const Sandbox& sandbox);

  // One request; the connection stays usable for the next. Throws ApiError for an answer that is not 2xx, when the
  // keeper ends, or when `timeout` passes (none: it waits as long as it takes).
  base::Json request(std::string_view method, std::string_view path, const base::Json& body = {},
                     std::optional<std::chrono::milliseconds> timeout = {});
  // A request with `Upgrade: caisson-stream`; after 101 the connection is the caller's. Throws as request().
  Upgraded upgrade(std::string_view method, std::string_view path, const base::Json& body = {},
                   std::optional<std::chrono::milliseconds> timeout = {}) &&;

 private:
  struct Answer;
  void send(std::string_view method, std::string_view path, const base::Json& body, bool upgrade);
  Answer receive(std::optional<std::chrono::steady_clock::time_point> deadline);
  bool fill(std::optional<std::chrono::steady_clock::time_point> deadline);

  base::Fd connection_;
  std::string received_;
};

// The routes, for callers of Client. docs/openapi.yaml has every one with its bodies and errors, those of the network's
// policy as well; a test compares it with the keeper's table.
//
//   GET  /v1/sandbox             the Sandbox as JSON
//   GET  /v1/ready               {} once the main command has started (or, without one, the guest is configured);
//                                else the start's error
//   GET  /v1/configured          {} once commands can be executed: the main one may still wait for its client
//   POST /v1/attach    Upgrade   frames of the main command (link/message.h): kStarted, or kError; one client at a
//                                time (409)
//   POST /v1/detach              {}: the attached client may go, the sandbox stays; to be sent before closing
//   POST /v1/exec      Upgrade   body ExecRequest; frames: kStarted or kError first, kExit (KeeperExit) or kError last
//   POST /v1/exec/ID/signal      {"signal": N}; ID is ExecStarted's id, or "main"
//   POST /v1/exec/ID/resize      {"rows": N, "columns": N}
//   POST /v1/copy      Upgrade   body CopyRequest; after 101 raw tar bytes, half-closed (shutdown) by the sender at its
//                                end. "put": when the guest has unpacked all, one line of JSON comes back, {"ok":true}
//                                or {"error":…,"hint":…}, then the end. "get": archive, then the end; an archive that
//                                was cut off has no end-of-archive blocks
//   GET  /v1/stats               the guest's counters
//   POST /v1/stop                {"timeout_seconds": N (10)}; answers {} when the sandbox has ended

}  // namespace caisson::keeper
