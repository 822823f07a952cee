// SPDX-License-Identifier: Apache-2.0

#include "link/services.h"

#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "link/fields.h"

namespace caisson::link {

namespace {

using base::Error;
using base::Json;
using base::JsonReader;

constexpr size_t kAddressBytes = 45;  // INET6_ADDRSTRLEN without its NUL
constexpr size_t kTextBytes = 4096;   // an error, a state
constexpr int kHighestSignal = 64;

TtySize read_size(Fields& fields) {
  return {.rows = fields.reader().required<uint16_t>("rows"), .columns = fields.reader().required<uint16_t>("columns")};
}

Authority read_authority(const Json& json) {
  Fields fields(json, "configure request's authority");
  Authority authority;
  authority.certificate = fields.text("certificate", kCertificateBytes);
  if (!authority.certificate.starts_with("-----BEGIN CERTIFICATE-----\n")) fields.fail("certificate", "is no PEM text");
  authority.subject_hash = fields.text("subject_hash", kNameBytes);
  fields.hex("subject_hash", authority.subject_hash, 8);
  fields.finish();
  return authority;
}

// The sender's half of kTextBytes: an error may quote what a user typed, which has no such bound. Cut between
// characters.
std::string bounded(std::string text) {
  if (text.size() <= kTextBytes) return text;
  size_t end = kTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

bool is_hostname(const std::string& name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !name.empty() && name.size() <= 63 && name.find_first_not_of(kAllowed) == std::string::npos;
}

}  // namespace

Json to_json(const ExecRequest& request) {
  Json json{{"service", "exec"},    {"argv", request.argv},     {"environment", request.environment},
            {"user", request.user}, {"folder", request.folder}, {"keep_stdin", request.keep_stdin}};
  if (request.tty) json["tty"] = {{"rows", request.tty->rows}, {"columns", request.tty->columns}};
  return json;
}

template <>
ExecRequest from_json(const Json& json) {
  Fields fields(json, "exec request");
  fields.constant("service", "exec");
  ExecRequest request;
  if (!fields.reader().has("argv")) fields.fail("argv", "is missing");
  request.argv = fields.texts("argv");
  if (request.argv.empty() || request.argv.front().empty()) fields.fail("argv", "names no program");
  request.environment = fields.environment("environment");
  request.user = fields.text_or_empty("user", kNameBytes);
  request.folder = fields.text_or_empty("folder", kPathBytes);
  if (fields.reader().has("tty")) {
    Fields size(fields.reader().raw("tty"), "exec request's tty");
    request.tty = read_size(size);
    size.finish();
  }
  request.keep_stdin = fields.reader().optional("keep_stdin", false);
  fields.finish();
  return request;
}

Json to_json(const ExecStarted& started) {
  return {{"id", started.id}, {"pid", started.pid}};
}

template <>
ExecStarted from_json(const Json& json) {
  Fields fields(json, "start of a command");
  ExecStarted started;
  started.id = fields.reader().required<uint64_t>("id");
  started.pid = fields.number<int64_t>("pid", 1, INT32_MAX);
  fields.finish();
  return started;
}

Json to_json(const ExecResult& result) {
  return {{"code", result.code},
          {"signal", result.signal},
          {"oom_kills", result.oom_kills},
          {"pids_refused", result.pids_refused},
          {"disk_full", result.disk_full}};
}

template <>
ExecResult from_json(const Json& json) {
  Fields fields(json, "result of a command");
  ExecResult result;
  result.code = fields.number("code", 0, 255);
  result.signal = fields.number("signal", 0, kHighestSignal);
  result.oom_kills = fields.reader().required<uint64_t>("oom_kills");
  result.pids_refused = fields.reader().required<uint64_t>("pids_refused");
  result.disk_full = fields.reader().required<bool>("disk_full");
  fields.finish();
  return result;
}

Json to_json(const ExecFailure& failure) {
  return {{"error", bounded(failure.error)}, {"hint", bounded(failure.hint)}, {"exit_code", failure.exit_code}};
}

template <>
ExecFailure from_json(const Json& json) {
  Fields fields(json, "failure of a command");
  ExecFailure failure;
  failure.error = fields.text("error", kTextBytes);
  failure.hint = fields.text_or_empty("hint", kTextBytes);
  failure.exit_code = fields.number("exit_code", 1, 255);
  fields.finish();
  return failure;
}

Json to_json(const CopyRequest& request) {
  return {{"service", "copy"},
          {"put", request.put},
          {"path", request.path},
          {"follow_link", request.follow_link},
          {"name", request.name}};
}

template <>
CopyRequest from_json(const Json& json) {
  Fields fields(json, "copy request");
  fields.constant("service", "copy");
  CopyRequest request;
  request.put = fields.reader().required<bool>("put");
  request.path = fields.text("path", kPathBytes);
  if (request.path.empty()) fields.fail("path", "is empty");
  request.follow_link = fields.reader().optional("follow_link", false);
  request.name = fields.text_or_empty("name", kNameBytes);
  const bool one_component = request.name.find('/') == std::string::npos && request.name != "." && request.name != "..";
  if (!one_component) fields.fail("name", "is not the name of a file");
  fields.finish();
  return request;
}

Json to_json(const PortRequest& request) {
  return {{"service", "port"}, {"port", request.port}};
}

template <>
PortRequest from_json(const Json& json) {
  Fields fields(json, "port request");
  fields.constant("service", "port");
  PortRequest request;
  request.port = fields.number<uint16_t>("port", 1, UINT16_MAX);
  fields.finish();
  return request;
}

Json to_json(const ConnectRequest& request) {
  return {{"service", request.protocol == ConnectRequest::Protocol::kTcp ? "tcp" : "udp"},
          {"address", request.address},
          {"port", request.port}};
}

template <>
ConnectRequest from_json(const Json& json) {
  Fields fields(json, "connect request");
  ConnectRequest request;
  const std::string service = fields.text("service", kNameBytes);
  if (service != "tcp" && service != "udp") fields.fail("service", "is neither 'tcp' nor 'udp'");
  request.protocol = service == "tcp" ? ConnectRequest::Protocol::kTcp : ConnectRequest::Protocol::kUdp;
  request.address = fields.text("address", kAddressBytes);
  request.port = fields.number<uint16_t>("port", 1, UINT16_MAX);
  fields.finish();
  return request;
}

Json to_json(const Hello& hello) {
  return {{"protocol", hello.protocol},
          {"version", hello.version},
          {"kernel", hello.kernel},
          {"docker", bounded(hello.docker)}};
}

template <>
Hello from_json(const Json& json) {
  Fields fields(json, "hello");
  Hello hello;
  hello.protocol = fields.reader().required<int>("protocol");
  hello.version = fields.text("version", kNameBytes);
  hello.kernel = fields.text("kernel", kNameBytes);
  hello.docker = fields.text("docker", kTextBytes);
  fields.finish();
  return hello;
}

Json to_json(const Configure& configure) {
  Json json{{"op", "configure"},
            {"hostname", configure.hostname},
            {"machine_id", configure.machine_id},
            {"realtime_ns", configure.realtime_ns},
            {"entropy", configure.entropy},
            {"pids_max", configure.pids_max},
            {"environment", configure.environment}};
  for (const Authority& authority : configure.authorities)
    json["authorities"].push_back({{"certificate", authority.certificate}, {"subject_hash", authority.subject_hash}});
  if (configure.requests_judged) json["requests_judged"] = true;
  return json;
}

template <>
Configure from_json(const Json& json) {
  Fields fields(json, "configure request");
  fields.constant("op", "configure");
  Configure configure;
  configure.hostname = fields.text("hostname", kNameBytes);
  if (!is_hostname(configure.hostname)) fields.fail("hostname", "is not a host name");
  configure.machine_id = fields.text("machine_id", kNameBytes);
  fields.hex("machine_id", configure.machine_id, 32);
  configure.realtime_ns = fields.number<int64_t>("realtime_ns", 0, INT64_MAX);
  configure.entropy = fields.text("entropy", kNameBytes);
  fields.hex("entropy", configure.entropy, 128);
  configure.pids_max = fields.reader().required<uint64_t>("pids_max");
  configure.environment = fields.environment("environment");
  if (fields.reader().has("authorities")) {
    const Json& authorities = fields.reader().raw("authorities");
    if (!authorities.is_array() || authorities.size() > kMostAuthorities)
      fields.fail("authorities", "is not an array of at most " + std::to_string(kMostAuthorities));
    for (const Json& authority : authorities) configure.authorities.push_back(read_authority(authority));
  }
  configure.requests_judged = fields.reader().optional("requests_judged", false);
  fields.finish();
  return configure;
}

namespace {

using Operation = ControlRequest::Operation;

struct OperationName {
  Operation operation;
  const char* name;
};
constexpr OperationName kOperations[] = {
    {Operation::kHello, "hello"},
    {Operation::kConfigure, "configure"},
    {Operation::kSignal, "signal"},
    {Operation::kResize, "resize"},
    {Operation::kFreeze, "freeze"},
    {Operation::kStats, "stats"},
    {Operation::kWaitDocker, "wait-docker"},
    {Operation::kEnd, "end"},
    {Operation::kPoweroff, "poweroff"},
    {Operation::kMount, "mount"},
};

}  // namespace

Json to_json(const ControlRequest& request) {
  if (request.operation == Operation::kConfigure) return to_json(request.configure);
  if (request.operation == Operation::kMount) return to_json(request.mount);
  Json json;
  for (const OperationName& entry : kOperations) {
    if (entry.operation == request.operation) json["op"] = entry.name;
  }
  const bool of_command = request.operation == Operation::kSignal || request.operation == Operation::kResize;
  if (of_command) json["id"] = request.exec_id;
  if (request.operation == Operation::kSignal) json["signal"] = request.signal;
  if (request.operation == Operation::kResize) {
    json["rows"] = request.size.rows;
    json["columns"] = request.size.columns;
  }
  if (request.operation == Operation::kEnd || request.operation == Operation::kPoweroff)
    json["seconds"] = request.until_kill.count();
  return json;
}

template <>
ControlRequest from_json(const Json& json) {
  Fields fields(json, "control request");
  const std::string name = fields.text("op", kNameBytes);
  for (const OperationName& entry : kOperations) {
    if (name != entry.name) continue;
    ControlRequest request;
    request.operation = entry.operation;
    if (request.operation == Operation::kConfigure) {
      request.configure = from_json<Configure>(json);
      return request;
    }
    if (request.operation == Operation::kMount) {
      request.mount = from_json<Mount>(json);
      return request;
    }
    if (request.operation == Operation::kSignal || request.operation == Operation::kResize)
      request.exec_id = fields.reader().required<uint64_t>("id");
    if (request.operation == Operation::kSignal) request.signal = fields.number("signal", 1, kHighestSignal);
    if (request.operation == Operation::kResize) request.size = read_size(fields);
    if (request.operation == Operation::kEnd || request.operation == Operation::kPoweroff)
      request.until_kill = std::chrono::seconds(fields.number<int64_t>("seconds", 0, kLongestPowerOff.count()));
    fields.finish();
    return request;
  }
  fields.fail("op", "names the unknown operation " + base::in_quotes(name));
}

Json to_json(const Stats& stats) {
  return {{"memory_used_bytes", stats.memory_used_bytes},
          {"memory_total_bytes", stats.memory_total_bytes},
          {"processes", stats.processes},
          {"disk_used_bytes", stats.disk_used_bytes},
          {"disk_total_bytes", stats.disk_total_bytes},
          {"load", stats.load}};
}

template <>
Stats from_json(const Json& json) {
  JsonReader reader(json, "stats");
  Stats stats;
  stats.memory_used_bytes = reader.required<uint64_t>("memory_used_bytes");
  stats.memory_total_bytes = reader.required<uint64_t>("memory_total_bytes");
  stats.processes = reader.required<uint64_t>("processes");
  stats.disk_used_bytes = reader.required<uint64_t>("disk_used_bytes");
  stats.disk_total_bytes = reader.required<uint64_t>("disk_total_bytes");
  stats.load = reader.required<double>("load");
  reader.finish();
  return stats;
}

std::string service_of(const Json& first_message) {
  JsonReader reader(first_message, "first message of a stream");
  return reader.required<std::string>("service");
}

Json ok_answer() {
  return {{"ok", true}};
}

Json error_answer(const std::string& error) {
  return {{"ok", false}, {"error", bounded(error)}};
}

Json checked_answer(Json answer, const std::string& doing) {
  Fields fields(answer, "answer on the link");
  if (!fields.reader().required<bool>("ok")) {
    const std::string error = fields.text("error", kTextBytes);
    fields.finish();
    throw Error(doing + ": " + base::escaped(error));
  }
  answer.erase("ok");
  return answer;
}

}  // namespace caisson::link
