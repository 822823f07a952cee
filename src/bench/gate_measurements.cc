// SPDX-License-Identifier: Apache-2.0

#include "bench/gate_measurements.h"

#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "base/error.h"
#include "bench/gate_client.h"
#include "bench/gate_processes.h"
#include "bench/host_processes.h"
#include "bench/statistics.h"

namespace caisson::bench {
namespace {

constexpr double kMicroseconds = 1e6;
constexpr double kBytesInKb = 1e3;
constexpr int kAtOnce = 16;
constexpr int kHeld = 1000;
constexpr int kHeldRounds = 3;

// The processes, and the client that is this one.
class Arena {
 public:
  Arena() {
    const Listeners origin;
    const Listeners splice;
    const BenchAuthority authority;
    base::FdPair link = base::make_socketpair();
    base::Fd far_end = std::move(link.second);
    origin_ = fork_child("bench-origin", [&] { run_origin(origin, *authority.authority()); });
    splice_ = fork_child("bench-splice", [&] { run_splice_proxy(splice, origin.ports); });
    gate_ = fork_child("bench-gate", [&] {
      link.first.reset();
      run_gate({.link = std::move(far_end),
                .origin = origin.ports,
                .authority = authority.authority(),
                .trust_store = authority.trust_store()});
    });
    far_end.reset();
    client_ = std::make_unique<GateClient>(ClientOptions{.origin = origin.ports,
                                                         .splice = splice.ports,
                                                         .link = std::move(link.first),
                                                         .trust_store = authority.trust_store()});
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  GateClient& client() { return *client_; }
  int64_t gate_pid() const { return gate_.pid(); }
  int64_t splice_pid() const { return splice_.pid(); }

 private:
  base::Child origin_;
  base::Child splice_;
  base::Child gate_;
  std::unique_ptr<GateClient> client_;
};

// One thing done on several ways in turn, and what becomes of a round's times.
struct Contest {
  using Measure = std::function<double(Path path)>;

  struct Lane {
    Path path;
    Row row;
  };
  std::vector<Lane> lanes;
  std::vector<Row> derived;

  // `figure` makes a lane's value of its seconds; `derive` the values of `derived` of the lanes' values. A round in
  // which one fails gives no derived values.
  void round(const Measure& measure, const std::function<double(double seconds)>& figure,
             const std::function<std::vector<double>(const std::vector<double>&)>& derive) {
    std::vector<double> values;
    for (Lane& lane : lanes) {
      if (!worth_another_try(lane.row)) return;
      if (attempt(lane.row, [&] { return figure(measure(lane.path)); })) values.push_back(lane.row.values.back());
    }
    if (values.size() != lanes.size()) return;
    const std::vector<double> made = derive(values);
    for (size_t i = 0; i < derived.size(); ++i) derived[i].values.push_back(made[i]);
  }

  std::vector<Row> rows() const {
    std::vector<Row> all;
    for (const Lane& lane : lanes) all.push_back(lane.row);
    all.insert(all.end(), derived.begin(), derived.end());
    return all;
  }
};

Contest::Lane lane(Path path, const std::string& key, const std::string& name, const std::string& unit) {
  return {path, {.key = key, .name = name, .unit = unit}};
}

Section measure_connect(GateClient& client, const GateSettings& settings) {
  Contest contest;
  contest.lanes = {lane(Path::kDirect, "gate.connect.direct", "direct", "µs"),
                   lane(Path::kSplice, "gate.connect.splice", "splice proxy", "µs"),
                   lane(Path::kGateByAddress, "gate.connect.address", "gate, to an address", "µs"),
                   lane(Path::kGateByName, "gate.connect.name", "gate, to a name", "µs")};
  contest.derived = {{.key = "gate.connect.added.splice", .name = "the splice proxy adds", .unit = "µs"},
                     {.key = "gate.connect.added.address", .name = "the gate adds, to an address", .unit = "µs"},
                     {.key = "gate.connect.added.name",
                      .name = "the gate adds, to a name",
                      .unit = "µs",
                      .note = "with its look-up by the host's resolver, here in /etc/hosts"}};
  const auto added = [](const std::vector<double>& v) {
    return std::vector<double>{v[1] - v[0], v[2] - v[0], v[3] - v[0]};
  };
  for (int i = 0; i < settings.rounds; ++i) {
    contest.round([&](Path path) { return client.connect(path, settings.connections); },
                  [](double seconds) { return seconds * kMicroseconds; }, added);
  }
  return {"The gate: a connection, until the server's first byte", contest.rows()};
}

Section measure_rate(GateClient& client, const GateSettings& settings) {
  const int count = settings.connections * kAtOnce / 2;
  Contest contest;
  contest.lanes = {lane(Path::kDirect, "gate.rate.direct", "direct", "/s"),
                   lane(Path::kSplice, "gate.rate.splice", "splice proxy", "/s"),
                   lane(Path::kGateByAddress, "gate.rate.address", "gate, to an address", "/s"),
                   lane(Path::kGateByName, "gate.rate.name", "gate, to a name", "/s")};
  contest.derived = {{.key = "gate.rate.ratio", .name = "gate, to an address / splice proxy", .unit = "×"}};
  for (int i = 0; i < settings.rounds; ++i) {
    contest.round([&](Path path) { return client.connect_at_once(path, count, kAtOnce); },
                  [count](double seconds) { return count / seconds; },
                  [](const std::vector<double>& v) { return std::vector<double>{v[2] / v[1]}; });
  }
  return {"The gate: connections made and ended, 16 at a time", contest.rows()};
}

Section measure_requests(GateClient& client, const GateSettings& settings) {
  const int count = std::max(1, settings.connections / 4);
  Contest plain;
  plain.lanes = {lane(Path::kDirect, "gate.https.direct", "direct", "µs"),
                 lane(Path::kSplice, "gate.https.splice", "splice proxy", "µs"),
                 lane(Path::kGateByName, "gate.https.gate", "gate, which looks at the ClientHello only", "µs")};
  plain.derived = {{.key = "gate.https.added", .name = "the gate adds", .unit = "µs"}};
  Contest judged;
  judged.lanes = {lane(Path::kDirect, "gate.judged.direct", "direct", "µs"),
                  lane(Path::kGateByName, "gate.judged.gate", "gate, which ends TLS and judges the request", "µs")};
  judged.derived = {{.key = "gate.judged.added", .name = "that adds", .unit = "µs"}};
  const auto figure = [](double seconds) { return seconds * kMicroseconds; };
  for (int i = 0; i < settings.rounds; ++i) {
    plain.round([&](Path path) { return client.request(path, Service::kTls, count); }, figure,
                [](const std::vector<double>& v) { return std::vector<double>{v[2] - v[0]}; });
    judged.round([&](Path path) { return client.request(path, Service::kJudgedTls, count); }, figure,
                 [](const std::vector<double>& v) { return std::vector<double>{v[1] - v[0]}; });
  }
  std::vector<Row> rows = plain.rows();
  // Its direct lane is there for its own rounds' differences.
  for (Row& row : judged.rows()) {
    if (row.key != "gate.judged.direct") rows.push_back(std::move(row));
  }
  return {"The gate: an HTTPS request, with connection and handshake", rows};
}

struct Bulk {
  std::string key;
  std::string title;
  std::function<double(Path path, uint64_t bytes)> pass;
};

Section measure_bulk(const GateSettings& settings, const Bulk& bulk) {
  Contest contest;
  contest.lanes = {lane(Path::kDirect, bulk.key + ".direct", "direct", "MB/s"),
                   lane(Path::kSplice, bulk.key + ".splice", "splice proxy", "MB/s"),
                   lane(Path::kGateByName, bulk.key + ".gate", "gate", "MB/s")};
  contest.derived = {{.key = bulk.key + ".ratio", .name = "gate / splice proxy", .unit = "×"},
                     {.key = bulk.key + ".ratio.direct", .name = "gate / direct", .unit = "×"}};
  for (int i = 0; i < settings.rounds; ++i) {
    contest.round([&](Path path) { return bulk.pass(path, settings.bytes); },
                  [&](double seconds) { return static_cast<double>(settings.bytes) / seconds / kBytesInMb; },
                  [](const std::vector<double>& v) {
                    return std::vector<double>{v[2] / v[1], v[2] / v[0]};
                  });
  }
  return {"The gate: " + bulk.title, contest.rows()};
}

Section measure_connections_held(Arena& arena) {
  Row none{.key = "gate.memory.none", .name = "with no connection open", .unit = "MB"};
  Row each{.key = "gate.memory.each", .name = "for each of 1000 open connections", .unit = "kB"};
  Row all{.key = "gate.memory.1000", .name = "with 1000 open", .unit = "MB"};
  const auto size = [&] { return static_cast<double>(proportional_size(arena.gate_pid()).anonymous_bytes); };
  for (int i = 0; i < kHeldRounds; ++i) {
    const double before = size();
    attempt(all, [&] {
      double meanwhile = 0;
      arena.client().with_open_connections(kHeld, [&] { meanwhile = size(); });
      none.values.push_back(before / kBytesInMb);
      return meanwhile / kBytesInMb;
    });
  }
  // What a first round took stays with the process for the next ones.
  if (!all.values.empty()) {
    each.values.push_back((all.values.front() - none.values.front()) * kBytesInMb / kBytesInKb / kHeld);
    each.note = "of the first round: a process keeps what it has had";
  }
  return {"The gate: memory of its process, shared with no file", {none, all, each}};
}

// What a busy machine does not change much.
Section measure_processor_time(Arena& arena, const GateSettings& settings) {
  struct Work {
    std::string key;
    std::string name;
    double units;
    std::function<void(Path path)> run;
  };
  GateClient& client = arena.client();
  const double megabytes = static_cast<double>(settings.bytes) / kBytesInMb;
  const std::vector<Work> works{{"connect", "for a connection", static_cast<double>(settings.connections),
                                 [&](Path path) { client.connect(path, settings.connections); }},
                                {"down", "for 1 MB to the guest, one stream", megabytes,
                                 [&](Path path) { client.download(path, settings.bytes, 1); }},
                                {"up", "for 1 MB from the guest, one stream", megabytes,
                                 [&](Path path) { client.upload(path, settings.bytes, 1); }}};
  Section section{"The gate: processor time of its process", {}};
  for (const Work& work : works) {
    Row splice{.key = "gate.processor.splice." + work.key, .name = "splice proxy, " + work.name, .unit = "µs"};
    Row gate{.key = "gate.processor.gate." + work.key, .name = "gate, " + work.name, .unit = "µs"};
    const auto time = [&](int64_t pid, Path path) {
      const double before = processor_us(pid);
      work.run(path);
      return (processor_us(pid) - before) / work.units;
    };
    for (int i = 0; i < settings.rounds && worth_another_try(splice) && worth_another_try(gate); ++i) {
      attempt(splice, [&] { return time(arena.splice_pid(), Path::kSplice); });
      attempt(gate, [&] { return time(arena.gate_pid(), Path::kGateByAddress); });
    }
    section.rows.insert(section.rows.end(), {splice, gate});
  }
  return section;
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Results measure_gate(const GateSettings& settings) {
  raise_descriptor_limit();
  Arena arena;
  GateClient& client = arena.client();
  const auto download = [&client](int streams) {
    return [&client, streams](Path path, uint64_t bytes) { return client.download(path, bytes, streams); };
  };
  const auto upload = [&client](int streams) {
    return [&client, streams](Path path, uint64_t bytes) { return client.upload(path, bytes, streams); };
  };
  const auto tls = [&client](Service service) {
    return [&client, service](Path path, uint64_t bytes) { return client.download_http(path, service, bytes); };
  };
  Results results;
  results.push_back(measure_connections_held(arena));
  results.push_back(measure_connect(client, settings));
  results.push_back(measure_rate(client, settings));
  results.push_back(measure_processor_time(arena, settings));
  results.push_back(measure_requests(client, settings));
  for (const Bulk& bulk :
       {Bulk{"gate.down", "bytes to the guest, one stream", download(1)},
        Bulk{"gate.down16", "bytes to the guest, 16 streams", download(kAtOnce)},
        Bulk{"gate.up", "bytes from the guest, one stream", upload(1)},
        Bulk{"gate.up16", "bytes from the guest, 16 streams", upload(kAtOnce)},
        Bulk{"gate.tls", "bytes to the guest in TLS that passes", tls(Service::kTls)},
        Bulk{"gate.judged_tls", "bytes to the guest in TLS that is ended in the gate", tls(Service::kJudgedTls)},
        Bulk{"gate.judged_http", "bytes to the guest in HTTP that is read", tls(Service::kPlainHttp)}})
    results.push_back(measure_bulk(settings, bulk));
  return results;
}

std::vector<Target> gate_targets() {
  return {
      {"gate.connect.added.address", "the gate adds to a connection to an address, median", 150.0},
      {"gate.connect.added.name", "the gate adds to a connection to a name, median", 150.0},
      {"gate.down.ratio", "of the splice proxy's throughput to the guest, one stream", 0.8, Bound::kAtLeast},
      {"gate.down16.ratio", "of the splice proxy's throughput to the guest, 16 streams", 0.8, Bound::kAtLeast},
      {"gate.up.ratio", "of the splice proxy's throughput from the guest, one stream", 0.8, Bound::kAtLeast},
      {"gate.up16.ratio", "of the splice proxy's throughput from the guest, 16 streams", 0.8, Bound::kAtLeast},
  };
}

}  // namespace caisson::bench
