// SPDX-License-Identifier: Apache-2.0

// The gate as a program in a sandbox meets it: its system calls, the guest's kernel and its packet filter, init, the
// virtual machine's port, the gate, and a server on this machine.

#include "base/error.h"
#include "base/json_reader.h"
#include "base/scope.h"
#include "base/text.h"
#include "bench/gate_measurements.h"
#include "bench/gate_processes.h"

namespace caisson::bench {
namespace {

constexpr const char* kHost = "host.caisson.internal";

// Prints milliseconds for a connection until its first byte, and MB/s each way.
constexpr const char* kScript = R"(
import json, socket, sys, time
host = socket.gethostbyname(sys.argv[1])
greeting, source, sink = map(int, sys.argv[2:5])
count, size = 20, 8_000_000
def connect(port):
    return socket.create_connection((host, port), timeout=60)
def greet():
    with connect(greeting) as one:
        one.recv(1)
def down():
    with connect(source) as one:
        one.sendall(size.to_bytes(8, "big"))
        left = size
        while left > 0:
            got = len(one.recv(1 << 18))
            if got == 0:
                sys.exit("the connection ended too early")
            left -= got
def up():
    with connect(sink) as one:
        one.sendall(bytes(size))
        one.shutdown(socket.SHUT_WR)
        one.recv(1)
def timed(call, times=1):
    begin = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begin) / times
greet()
print(json.dumps([timed(greet, count) * 1e3, size / timed(down) / 1e6, size / timed(up) / 1e6]))
)";

std::vector<double> numbers_of(const std::string& printed) {
  try {
    return base::Json::parse(printed).get<std::vector<double>>();
  } catch (const base::Json::exception&) {
    throw base::Error("the script in the sandbox printed " + base::in_quotes(printed));
  }
}

constexpr const char* kTitle = "The gate: from inside of a sandbox";

Row connect_row() {
  return {.key = "gate.inside.connect", .name = "a connection, until the server's first byte", .unit = "ms"};
}

}  // namespace

Section gate_from_inside_failed(const std::string& why) {
  Row connect = connect_row();
  connect.failures.push_back(why);
  return {kTitle, {connect}};
}

Section measure_gate_from_inside(const Bench& bench) {
  const std::string emulated = "software: the guest's instructions are emulated";
  Row connect = connect_row();
  Row down{.key = "gate.inside.down", .name = "bytes to the guest, one stream", .unit = "MB/s"};
  Row up{.key = "gate.inside.up", .name = "bytes from the guest, one stream", .unit = "MB/s"};
  const Listeners listeners;
  const BenchAuthority authority;
  const base::Child origin = fork_child("bench-origin", [&] { run_origin(listeners, *authority.authority()); });
  const Caisson& caisson = bench.caisson;
  const std::string name = caisson.new_name();
  const base::Scope gone([&] { caisson.remove(name); });
  Argv script{"python3", "-c", kScript, kHost};
  Argv options{"-d", "--name", name};
  for (const Service service : {Service::kGreeting, Service::kSource, Service::kSink}) {
    const std::string port = std::to_string(listeners.ports[static_cast<size_t>(service)]);
    script.push_back(port);
    options.insert(options.end(), {"--allow", std::string(kHost) + ":" + port});
  }
  caisson.runner().run(caisson.run({"sleep", "infinity"}, options));
  if (caisson.inspect(name).accelerator != "kvm") connect.note = down.note = up.note = emulated;
  for (int i = 0; i < bench.settings.few_runs && worth_another_try(connect); ++i) {
    attempt(connect, [&] {
      const std::vector<double> values = numbers_of(caisson.runner().run(caisson.exec(name, script)).out);
      if (values.size() != 3) throw base::Error("the script in the sandbox printed another number of values");
      down.values.push_back(values[1]);
      up.values.push_back(values[2]);
      return values[0];
    });
  }
  return {kTitle, {connect, down, up}};
}

}  // namespace caisson::bench
