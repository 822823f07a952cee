// SPDX-License-Identifier: Apache-2.0

#include "keeper/api.h"

#include <array>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace caisson::keeper {
namespace {

using base::Json;
using base::JsonReader;

constexpr int kMaxSignal = 64;

struct Call {
  Control& control;
  const ApiRequest& request;
  std::string id;  // what stood for {id}

  // The body as an object; no body is an empty one.
  Json body() const {
    if (base::trimmed(request.body).empty()) return Json::object();
    return base::parse_json_object(request.body, "the request's body");
  }
  // A request that takes no members.
  void expect_no_body() const { JsonReader(body(), "the request's body").finish(); }
};

CommandId command_of(const std::string& id) {
  if (id == "main") return CommandId{.main = true};
  const std::optional<uint64_t> number = base::parse_number<uint64_t>(id);
  if (!number) throw ApiFailure(404, "there is no command " + base::in_quotes(id), "a number, or 'main'");
  return CommandId{.id = *number};
}

asio::awaitable<ApiAnswer> get_sandbox(Call call) {
  co_return ApiAnswer{.body = call.control.describe()};
}

asio::awaitable<ApiAnswer> get_ready(Call call) {
  co_await call.control.ready();
  co_return ApiAnswer{};
}

asio::awaitable<ApiAnswer> get_configured(Call call) {
  co_await call.control.configured();
  co_return ApiAnswer{};
}

asio::awaitable<ApiAnswer> get_stats(Call call) {
  Json stats = co_await call.control.stats();
  co_return ApiAnswer{.body = std::move(stats)};
}

asio::awaitable<ApiAnswer> post_attach(Call call) {
  call.expect_no_body();
  co_return ApiAnswer{.stream = call.control.attach(call.request.first)};
}

asio::awaitable<ApiAnswer> post_detach(Call call) {
  call.expect_no_body();
  call.control.detach();
  co_return ApiAnswer{};
}

asio::awaitable<ApiAnswer> post_exec(Call call) {
  const auto request = link::from_json<link::ExecRequest>(call.body());
  co_return ApiAnswer{.stream = call.control.exec(request)};
}

asio::awaitable<ApiAnswer> post_copy(Call call) {
  const auto request = link::from_json<link::CopyRequest>(call.body());
  StreamHandler stream = co_await call.control.copy(request);
  co_return ApiAnswer{.stream = std::move(stream)};
}

// The first key of these on the link names their service; here the path does.
Json with_service(Json body, const char* service) {
  if (body.contains("service")) throw base::Error("the request's body: the key 'service' is not known");
  body["service"] = service;
  return body;
}

asio::awaitable<ApiAnswer> post_changes(Call call) {
  const auto request = link::from_json<link::ChangesRequest>(with_service(call.body(), "changes"));
  StreamHandler stream = co_await call.control.changes(request);
  co_return ApiAnswer{.stream = std::move(stream)};
}

asio::awaitable<ApiAnswer> post_commits(Call call) {
  const Json body = call.body();
  JsonReader reader(body, "the request's body");
  const auto id = reader.required<uint32_t>("id");
  reader.finish();
  Json found = co_await call.control.commits(id);
  co_return ApiAnswer{.body = std::move(found)};
}

asio::awaitable<ApiAnswer> post_discard(Call call) {
  const auto request = link::from_json<link::DiscardRequest>(with_service(call.body(), "discard"));
  co_await call.control.discard(request);
  co_return ApiAnswer{};
}

asio::awaitable<ApiAnswer> post_signal(Call call) {
  const Json body = call.body();
  JsonReader reader(body, "the signal");
  const int number = reader.required<int>("signal");
  reader.finish();
  if (number < 1 || number > kMaxSignal) throw base::Error("the signal: " + std::to_string(number) + " is not one");
  const CommandId command = command_of(call.id);
  co_await call.control.signal(command, number);
  co_return ApiAnswer{};
}

asio::awaitable<ApiAnswer> post_resize(Call call) {
  const Json body = call.body();
  JsonReader reader(body, "the size");
  link::TtySize size;
  size.rows = reader.required<uint16_t>("rows");
  size.columns = reader.required<uint16_t>("columns");
  reader.finish();
  const CommandId command = command_of(call.id);
  co_await call.control.resize(command, size);
  co_return ApiAnswer{};
}

// The main command has a resource of its own: what goes on without its client is the sandbox.
asio::awaitable<ApiAnswer> post_exec_detach(Call call) {
  call.expect_no_body();
  const CommandId command = command_of(call.id);
  if (command.main) throw ApiFailure(404, "the main command is no exec's", "POST /v1/detach");
  call.control.let_go(command.id);
  co_return ApiAnswer{};
}

asio::awaitable<ApiAnswer> get_policy(Call call) {
  co_return ApiAnswer{.body = call.control.policy()};
}

asio::awaitable<ApiAnswer> post_policy(Call call) {
  call.control.change_policy(policy_change_from_json(call.body()));
  co_return ApiAnswer{.body = call.control.policy()};
}

asio::awaitable<ApiAnswer> get_questions(Call call) {
  call.expect_no_body();
  co_return ApiAnswer{.stream = call.control.questions()};
}

asio::awaitable<ApiAnswer> post_answer(Call call) {
  call.control.answer_question(question_answer_from_json(call.body()));
  co_return ApiAnswer{};
}

asio::awaitable<ApiAnswer> post_stop(Call call) {
  const Json body = call.body();
  JsonReader reader(body, "the stop request");
  const int seconds = reader.optional<int>("timeout_seconds", 10);
  reader.finish();
  if (seconds < 0 || seconds > link::kLongestPowerOff.count())
    throw base::Error("the stop request: 'timeout_seconds' is not between 0 and " +
                      std::to_string(link::kLongestPowerOff.count()));
  const std::chrono::seconds timeout(seconds);
  co_await call.control.stop(timeout);
  co_return ApiAnswer{};
}

using Handler = asio::awaitable<ApiAnswer> (*)(Call);

constexpr std::array<Route, 19> kRoutes{{
    {"GET", "/v1/sandbox", false},
    {"GET", "/v1/ready", false},
    {"GET", "/v1/configured", false},
    {"GET", "/v1/stats", false},
    {"POST", "/v1/attach", true},
    {"POST", "/v1/detach", false},
    {"POST", "/v1/exec", true},
    {"POST", "/v1/exec/{id}/signal", false},
    {"POST", "/v1/exec/{id}/resize", false},
    {"POST", "/v1/exec/{id}/detach", false},
    {"POST", "/v1/copy", true},
    {"POST", "/v1/changes", true},
    {"POST", "/v1/commits", false},
    {"POST", "/v1/discard", false},
    {"GET", "/v1/policy", false},
    {"POST", "/v1/policy", false},
    {"GET", "/v1/policy/questions", true},
    {"POST", "/v1/policy/answers", false},
    {"POST", "/v1/stop", false},
}};
constexpr std::array<Handler, kRoutes.size()> kHandlers{
    get_sandbox, get_ready,   get_configured,   get_stats,   post_attach,  post_detach,  post_exec,
    post_signal, post_resize, post_exec_detach, post_copy,   post_changes, post_commits, post_discard,
    get_policy,  post_policy, get_questions,    post_answer, post_stop};

// What stands for {id} where the path is one of the route's; nothing where it is not.
std::optional<std::string> match(const Route& route, const std::vector<std::string>& path) {
  const std::vector<std::string> parts = base::split(route.path, '/');
  if (parts.size() != path.size()) return std::nullopt;
  std::string id;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "{id}") {
      id = path[i];
    } else if (parts[i] != path[i]) {
      return std::nullopt;
    }
  }
  return id;
}

ApiAnswer not_allowed(const std::string& method, const std::string& allow) {
  ApiAnswer refused = failure(405, base::in_quotes(method) + " is not a method of this resource", "allowed: " + allow);
  refused.allow = allow;
  return refused;
}

asio::awaitable<ApiAnswer> call_handler(Handler handler, Call call) {
  std::optional<ApiAnswer> problem;
  try {
    ApiAnswer answered = co_await handler(std::move(call));
    co_return answered;
  } catch (const ApiFailure& error) {
    problem = failure(error.status(), error.problem(), error.hint(), error.exit_code());
  } catch (const base::Error& error) {
    problem = failure(400, error.problem(), error.hint());
  } catch (const std::exception& error) {
    problem = failure(500, std::string("the keeper failed: ") + base::escaped(error.what()));
  }
  co_return *problem;
}

}  // namespace

std::span<const Route> api_routes() {
  return kRoutes;
}

ApiAnswer failure(unsigned status, const std::string& problem, const std::string& hint, int exit_code) {
  return ApiAnswer{.status = status, .body = Json{{"error", problem}, {"hint", hint}, {"exit_code", exit_code}}};
}

asio::awaitable<ApiAnswer> answer(Control& control, ApiRequest request) {
  if (request.body.size() > kMaxBodyBytes) co_return failure(413, "the request's body is too large");
  const std::vector<std::string> path = base::split(request.target, '/');
  std::string allow;
  for (size_t i = 0; i < kRoutes.size(); ++i) {
    const std::optional<std::string> id = match(kRoutes[i], path);
    if (!id) continue;
    if (request.method != kRoutes[i].method) {
      allow += (allow.empty() ? "" : ", ") + std::string(kRoutes[i].method);
      continue;
    }
    if (kRoutes[i].upgrade && !request.upgrade)
      co_return failure(426, "this resource is a stream",
                        "ask with `Connection: Upgrade` and `Upgrade: caisson-stream`");
    if (!kRoutes[i].upgrade && request.upgrade) co_return failure(400, "this resource is not a stream");
    Call call{control, request, *id};
    ApiAnswer answered = co_await call_handler(kHandlers[i], std::move(call));
    co_return answered;
  }
  if (!allow.empty()) co_return not_allowed(request.method, allow);
  co_return failure(404, "there is no resource " + base::in_quotes(request.target.substr(0, 200)));
}

}  // namespace caisson::keeper
