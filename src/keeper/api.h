// SPDX-License-Identifier: Apache-2.0

// The keeper's API without its transport: a request's method, path and body become a call of Control. docs/openapi.yaml
// describes the same routes; a test compares the two.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <span>
#include <string>
#include <string_view>

#include "keeper/control.h"

namespace caisson::keeper {

inline constexpr size_t kMaxBodyBytes = 1U << 20;

struct ApiRequest {
  std::string method;
  std::string target;  // the path; a query is refused
  std::string body;
  bool upgrade = false;  // "Upgrade: caisson-stream"
  bool first = false;    // on the connection that the keeper was started with
};

struct ApiAnswer {
  unsigned status = 200;
  base::Json body = base::Json::object();
  std::string allow = {};     // of a 405
  StreamHandler stream = {};  // set: the answer is 101 without a body, and then this runs
};

struct Route {
  const char* method;
  const char* path;  // {id} stands for one part
  bool upgrade;
};
std::span<const Route> api_routes();

// Never throws: what goes wrong is an answer with {"error", "hint", "exit_code"}.
asio::awaitable<ApiAnswer> answer(Control& control, ApiRequest request);

// The answer for `error`.
ApiAnswer failure(unsigned status, const std::string& problem, const std::string& hint = {}, int exit_code = 125);

}  // namespace caisson::keeper
