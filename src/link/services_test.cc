// SPDX-License-Identifier: Apache-2.0

#include "link/services.h"

#include <gtest/gtest.h>

#include "link/complaint_for_test.h"

namespace caisson::link {
namespace {

using base::Json;

// What `message` becomes when it is written, read and written again.
template <typename Message>
Json twice(const Message& message) {
  return to_json(from_json<Message>(to_json(message)));
}

Json without(Json json, const char* key) {
  json.erase(key);
  return json;
}

Configure configuration() {
  Configure configure;
  configure.hostname = "quiet-otter-4f2a";
  configure.machine_id = std::string(32, 'a');
  configure.realtime_ns = 1'795'000'000'000'000'000;
  configure.entropy = std::string(128, '7');
  configure.pids_max = 4096;
  configure.environment = {"A=B", "EMPTY=", "MANY=a=b"};
  return configure;
}

TEST(Services, ExecRequestIsReadAsWritten) {
  ExecRequest request;
  request.argv = {"sh", "-c", "echo 'ü'\n"};
  request.environment = {"K=V"};
  request.user = "agent";
  request.folder = "/home/agent";
  request.tty = TtySize{.rows = 50, .columns = 65535};
  request.keep_stdin = true;
  const Json json = to_json(request);
  EXPECT_EQ(json["service"], "exec");
  EXPECT_EQ(twice(request), json);
  request.tty.reset();
  EXPECT_FALSE(to_json(request).contains("tty"));
  EXPECT_EQ(twice(request), to_json(request));
}

TEST(Services, ExecRequestNeedsOnlyAProgram) {
  const auto request = from_json<ExecRequest>({{"argv", {"true"}}});
  EXPECT_EQ(request.argv, std::vector<std::string>{"true"});
  EXPECT_FALSE(request.tty || request.keep_stdin);
}

TEST(Services, ExecRequestIsStrict) {
  const Json good{{"argv", {"true"}}};
  EXPECT_EQ(complaint<ExecRequest>(good), "");
  EXPECT_EQ(complaint<ExecRequest>(Json::object()), "exec request: the key 'argv' is missing");
  EXPECT_EQ(complaint<ExecRequest>(Json::array()), "exec request is not a JSON object");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", Json::array())), "exec request: the key 'argv' names no program");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", {""})), "exec request: the key 'argv' names no program");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", "true")), "exec request: the key 'argv' is not an array");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", {1})), "exec request: the key 'argv' has a wrong type or range");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", {std::string("a\0b", 3)})),
            "exec request: the key 'argv' has a string with a NUL byte");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", std::vector<std::string>(4097, "x"))),
            "exec request: the key 'argv' has more than 4096 strings");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", std::vector<std::string>(4096, "x"))), "");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "argv", {std::string((128U << 10) + 1, 'x')})),
            "exec request: the key 'argv' has a string over 131072 bytes");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "environment", {"=x"})),
            "exec request: the key 'environment' has an entry that is not NAME=VALUE");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "environment", {"x"})),
            "exec request: the key 'environment' has an entry that is not NAME=VALUE");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "user", std::string(256, 'u'))),
            "exec request: the key 'user' has a string over 255 bytes");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "folder", std::string(4097, '/'))),
            "exec request: the key 'folder' has a string over 4096 bytes");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "tty", {{"rows", 1}})),
            "exec request's tty: the key 'columns' is missing");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "tty", {{"rows", 65536}, {"columns", 1}})),
            "exec request's tty: the key 'rows' has a wrong type or range");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "tty", {{"rows", 1}, {"columns", 1}, {"x", 1}})),
            "exec request's tty: the key 'x' is not known");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "tty", nullptr)), "exec request's tty is not a JSON object");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "keep_stdin", 1)),
            "exec request: the key 'keep_stdin' has a wrong type or range");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "service", "copy")), "exec request: the key 'service' is not 'exec'");
  EXPECT_EQ(complaint<ExecRequest>(with(good, "cwd", "/")), "exec request: the key 'cwd' is not known");
}

TEST(Services, TheGuestsWordsAboutACommandAreChecked) {
  const Json started = to_json(ExecStarted{.id = UINT64_MAX, .pid = 7});
  EXPECT_EQ(complaint<ExecStarted>(started), "");
  EXPECT_EQ(complaint<ExecStarted>(with(started, "pid", 0)),
            "start of a command: the key 'pid' is not in 1 to 2147483647");
  EXPECT_EQ(complaint<ExecStarted>(with(started, "id", -1)),
            "start of a command: the key 'id' has a wrong type or range");

  const ExecResult result{.code = 255, .signal = 64, .oom_kills = 1, .pids_refused = 2, .disk_full = true};
  EXPECT_EQ(twice(result), to_json(result));
  EXPECT_EQ(complaint<ExecResult>(with(to_json(result), "code", 256)),
            "result of a command: the key 'code' is not in 0 to 255");
  EXPECT_EQ(complaint<ExecResult>(with(to_json(result), "signal", 65)),
            "result of a command: the key 'signal' is not in 0 to 64");
  EXPECT_EQ(complaint<ExecResult>(without(to_json(result), "disk_full")),
            "result of a command: the key 'disk_full' is missing");

  const ExecFailure failure{.error = "no such program", .exit_code = 127, .hint = "spell it right"};
  EXPECT_EQ(twice(failure), to_json(failure));
  EXPECT_EQ(complaint<ExecFailure>(with(to_json(failure), "exit_code", 0)),
            "failure of a command: the key 'exit_code' is not in 1 to 255");
  EXPECT_EQ(complaint<ExecFailure>(with(to_json(failure), "error", std::string(4097, 'x'))),
            "failure of a command: the key 'error' has a string over 4096 bytes");
}

TEST(Services, ConfigureMayHaveAuthorities) {
  EXPECT_FALSE(to_json(configuration()).contains("authorities"));
  Configure configure = configuration();
  const Authority one{.certificate = "-----BEGIN CERTIFICATE-----\nx\n", .subject_hash = "0123abcd"};
  configure.authorities = {one, one};
  const Json good = to_json(configure);
  EXPECT_EQ(to_json(from_json<Configure>(good)), good);
  const Json authority = good.at("authorities").at(0);
  auto complaint_about = [&](const char* key, const Json& value) {
    return complaint<Configure>(with(good, "authorities", Json::array({with(authority, key, value)})));
  };
  const std::string says = "configure request's authority: the key '";
  EXPECT_EQ(complaint_about("certificate", "x"), says + "certificate' is no PEM text");
  EXPECT_EQ(complaint_about("certificate", std::string(kCertificateBytes + 1, 'x')),
            says + "certificate' has a string over 8192 bytes");
  EXPECT_EQ(complaint_about("subject_hash", "../../xx"), says + "subject_hash' is not 8 lower-case hex digits");
  EXPECT_NE(complaint_about("more", 1).find("'more'"), std::string::npos);
  const std::string bound = "configure request: the key 'authorities' is not an array of at most 32";
  EXPECT_EQ(complaint<Configure>(with(good, "authorities", authority)), bound);
  EXPECT_EQ(complaint<Configure>(with(good, "authorities", Json(kMostAuthorities + 1, authority))), bound);
}

TEST(Services, ConfigureMaySayThatRequestsAreJudged) {
  Configure configure = configuration();
  EXPECT_FALSE(to_json(configure).contains("requests_judged"));
  EXPECT_FALSE(from_json<Configure>(to_json(configure)).requests_judged);
  configure.requests_judged = true;
  const Json good = to_json(configure);
  EXPECT_EQ(to_json(from_json<Configure>(good)), good);
  EXPECT_NE(complaint<Configure>(with(good, "requests_judged", 1)).find("'requests_judged'"), std::string::npos);
}

TEST(Services, ConfigureIsStrict) {
  const Json good = to_json(configuration());
  EXPECT_EQ(to_json(from_json<Configure>(good)), good);
  EXPECT_EQ(complaint<Configure>(with(good, "hostname", "")),
            "configure request: the key 'hostname' is not a host name");
  EXPECT_EQ(complaint<Configure>(with(good, "hostname", "a b")),
            "configure request: the key 'hostname' is not a host name");
  EXPECT_EQ(complaint<Configure>(with(good, "hostname", std::string(64, 'a'))),
            "configure request: the key 'hostname' is not a host name");
  EXPECT_EQ(complaint<Configure>(with(good, "machine_id", std::string(31, 'a'))),
            "configure request: the key 'machine_id' is not 32 lower-case hex digits");
  EXPECT_EQ(complaint<Configure>(with(good, "machine_id", std::string(32, 'A'))),
            "configure request: the key 'machine_id' is not 32 lower-case hex digits");
  EXPECT_EQ(complaint<Configure>(with(good, "entropy", std::string(126, 'a'))),
            "configure request: the key 'entropy' is not 128 lower-case hex digits");
  EXPECT_EQ(complaint<Configure>(with(good, "realtime_ns", -1)),
            "configure request: the key 'realtime_ns' is not in 0 to 9223372036854775807");
}

TEST(Services, EveryControlOperationIsReadAsWritten) {
  using Operation = ControlRequest::Operation;
  for (int i = 0; i <= static_cast<int>(Operation::kStats); ++i) {
    ControlRequest request;
    request.operation = static_cast<Operation>(i);
    request.configure = configuration();
    request.exec_id = 9;
    request.signal = 15;
    request.until_kill = std::chrono::seconds(30);
    const Json json = to_json(request);
    ASSERT_TRUE(json.contains("op")) << i;
    const auto read = from_json<ControlRequest>(json);
    EXPECT_EQ(read.operation, request.operation);
    EXPECT_EQ(to_json(read), json);
    EXPECT_NE(complaint<ControlRequest>(with(json, "extra", 1)), "") << json;
  }
}

TEST(Services, ControlRequestIsStrict) {
  EXPECT_EQ(complaint<ControlRequest>({{"op", "halt\n"}}),
            "control request: the key 'op' names the unknown operation 'halt\\n'");
  EXPECT_EQ(complaint<ControlRequest>(Json::object()), "control request: the key 'op' is missing");
  EXPECT_EQ(complaint<ControlRequest>({{"op", "signal"}, {"id", 1}, {"signal", 0}}),
            "control request: the key 'signal' is not in 1 to 64");
  EXPECT_EQ(complaint<ControlRequest>({{"op", "poweroff"}}), "control request: the key 'seconds' is missing");
  EXPECT_EQ(complaint<ControlRequest>({{"op", "poweroff"}, {"seconds", 3601}}),
            "control request: the key 'seconds' is not in 0 to 3600");
  EXPECT_EQ(complaint<ControlRequest>({{"op", "end"}}), "control request: the key 'seconds' is missing");
  EXPECT_EQ(complaint<ControlRequest>({{"op", "resize"}, {"id", 1}, {"rows", 1}}),
            "control request: the key 'columns' is missing");
  EXPECT_EQ(complaint<ControlRequest>({{"op", "freeze"}, {"id", 1}}), "control request: the key 'id' is not known");
}

TEST(Services, CopyAndPortRequestsAreStrict) {
  const Json copy = to_json(CopyRequest{.put = true, .path = "/tmp/x", .follow_link = true, .name = "y"});
  EXPECT_EQ(to_json(from_json<CopyRequest>(copy)), copy);
  EXPECT_EQ(complaint<CopyRequest>(with(copy, "path", "")), "copy request: the key 'path' is empty");
  for (const char* name : {"a/b", "..", ".", "/"}) {
    EXPECT_EQ(complaint<CopyRequest>(with(copy, "name", name)),
              "copy request: the key 'name' is not the name of a file");
  }
  EXPECT_EQ(complaint<CopyRequest>(without(copy, "put")), "copy request: the key 'put' is missing");
  const Json port = to_json(PortRequest{.port = 65535});
  EXPECT_EQ(to_json(from_json<PortRequest>(port)), port);
  EXPECT_EQ(complaint<PortRequest>(with(port, "port", 0)), "port request: the key 'port' is not in 1 to 65535");
  EXPECT_EQ(complaint<PortRequest>(with(port, "port", 65536)),
            "port request: the key 'port' has a wrong type or range");
}

TEST(Services, HelloAndStatsAreStrict) {
  const Json hello = to_json(Hello{.protocol = 1, .version = "0.1.0", .kernel = "6.1", .docker = "ready"});
  EXPECT_EQ(to_json(from_json<Hello>(hello)), hello);
  EXPECT_EQ(complaint<Hello>(with(hello, "version", 1)), "hello: the key 'version' has a wrong type or range");
  Stats stats;
  stats.load = 0.5;
  EXPECT_EQ(twice(stats), to_json(stats));
  EXPECT_EQ(complaint<Stats>(with(to_json(stats), "load", "high")), "stats: the key 'load' has a wrong type or range");
  EXPECT_EQ(complaint<Stats>(with(to_json(stats), "processes", -1)),
            "stats: the key 'processes' has a wrong type or range");
}

TEST(Services, AnswersSayYesOrWhyNot) {
  EXPECT_EQ(checked_answer(with(ok_answer(), "docker", "ready"), "cannot x"), (Json{{"docker", "ready"}}));
  const auto refused = [](const Json& answer) { return problem_of([&] { checked_answer(answer, "cannot x"); }); };
  EXPECT_EQ(refused(error_answer("no\x1b[2J")), "cannot x: no\\x1b[2J");
  EXPECT_EQ(refused(with(error_answer("no"), "more", 1)), "answer on the link: the key 'more' is not known");
  EXPECT_EQ(refused({{"ok", false}}), "answer on the link: the key 'error' is missing");
  EXPECT_EQ(refused({{"ok", 1}}), "answer on the link: the key 'ok' has a wrong type or range");
  EXPECT_EQ(refused(Json::object()), "answer on the link: the key 'ok' is missing");
}

TEST(Services, LongErrorsAreCutBetweenCharacters) {
  std::string text(4095, 'x');
  text += "\u00fc and more";
  const ExecFailure failure{.error = text, .exit_code = 126};
  EXPECT_EQ(from_json<ExecFailure>(to_json(failure)).error, std::string(4095, 'x'));
  EXPECT_EQ(error_answer(text).at("error"), std::string(4095, 'x'));
}

TEST(Services, TheFirstMessageNamesTheService) {
  EXPECT_EQ(service_of({{"service", "exec"}, {"argv", {"true"}}}), "exec");
  EXPECT_EQ(problem_of([] { service_of({{"x", 1}}); }), "first message of a stream: the key 'service' is missing");
}

}  // namespace
}  // namespace caisson::link
