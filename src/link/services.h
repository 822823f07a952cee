// SPDX-License-Identifier: Apache-2.0

// What host and guest say to each other: one struct per message with its strict JSON form (to_json, from_json: unknown
// keys, wrong types and passed bounds throw base::Error). docs/protocol.md is the specification.
//
// Strings are UTF-8 without NUL. Streams that the host opens, by the "service" key of their first message:
//   control  {"service":"control"}, then ControlRequests, each followed by its answer; there may be several
//   exec     ExecRequest, then ExecFrame frames
//   copy     CopyRequest, then {"ok":true} or {"ok":false,"error":…}, then a raw tar stream until its sender's FIN;
//            for "put" the guest has one more message then: {"ok":…}
//   fuse     FuseRequest, then {"ok":…}, then raw FUSE messages both ways (workspace_messages.h)
//   port     PortRequest, then {"ok":…}, then the connection's raw bytes with half-close
// Streams that the guest opens:
//   tcp      ConnectRequest, then {"ok":…}, then the connection's raw bytes with half-close
//   udp      ConnectRequest, then {"ok":…}, then datagrams, each behind its 2-byte length
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json_reader.h"
#include "link/workspace_messages.h"

namespace caisson::link {

inline constexpr int kProtocolVersion = 5;
inline constexpr size_t kCertificateBytes = 8192;
inline constexpr size_t kMostAuthorities = 32;

struct TtySize {
  uint16_t rows = 24;
  uint16_t columns = 80;
};

struct ExecRequest {
  std::vector<std::string> argv;         // 1 to 4096 strings; argv[0] is looked up in PATH
  std::vector<std::string> environment;  // "K=V", put over the sandbox's environment
  std::string user;                      // name or uid[:gid] in the guest; "" = agent if there is one, else root
  std::string folder;                    // "" = the user's home
  std::optional<TtySize> tty;            // with a PTY of that size, stderr merged
  bool keep_stdin = false;               // false: stdin is /dev/null
};

struct ExecStarted {
  uint64_t id = 0;  // names this command in signal and resize
  int64_t pid = 0;  // in the guest
};

struct ExecResult {
  int code = 0;  // exit code, when signal is 0
  int signal = 0;
  uint64_t oom_kills = 0;  // processes of the sandbox that the guest's kernel ended for lack of memory since it started
  uint64_t pids_refused = 0;  // forks refused by the process limit since it started
  bool disk_full = false;     // the guest's disk had no space left at the command's end
};

// The command could not be started: exit_code 127 (not found), 126 (cannot be executed), 125 (anything else).
struct ExecFailure {
  std::string error;
  int exit_code = 125;
  std::string hint = {};
};

// Control: {"op":"hello"}. The answer:
struct Hello {
  int protocol = kProtocolVersion;
  std::string version;  // of caisson-init
  std::string kernel;   // uname -r
  std::string docker;   // "absent", "starting", "ready", "failed: …"
};

// A certificate authority that the sandbox is to trust.
struct Authority {
  std::string certificate;   // one, as PEM; at most kCertificateBytes
  std::string subject_hash;  // 8 hex digits: the name under which OpenSSL looks it up in a folder of certificates
};

// How long a guest can be given to power off, at most.
inline constexpr std::chrono::seconds kLongestPowerOff{3600};

// Control: {"op":"configure", …}: sent after every start and thaw, before anything of the user's runs; init refuses
// exec until it was given. Answered by {"ok":true}.
struct Configure {
  std::string hostname;
  std::string machine_id;                // 32 hex digits
  int64_t realtime_ns = 0;               // CLOCK_REALTIME of the host
  std::string entropy;                   // 64 bytes as 128 hex digits, credited to the kernel's CRNG, then reseeded
  uint64_t pids_max = 0;                 // 0: no limit
  std::vector<std::string> environment;  // "K=V" for every command
  // The one as which the gate answers where the requests inside TLS are judged, and what this machine trusts besides
  // its system's; at most kMostAuthorities.
  std::vector<Authority> authorities = {};
  // Whether a rule judges requests: then also those are told of the authorities who hear of it (trust.h).
  bool requests_judged = false;
};

// Other control operations (ControlRequest), answered by {"ok":true, …} or {"ok":false,"error":"…"}:
//   {"op":"signal","id":N,"signal":N}   {"op":"resize","id":N,"rows":N,"columns":N}
//   {"op":"wait-docker"}                 answered when docker is "ready", "failed…" or "absent":
//                                        {"ok":true,"docker":"…"}
//   {"op":"freeze"}                      the Docker Engine stands still until it is used, sync, forget identity; after
//                                        the answer init ends the session: what comes then begins a new one
//   {"op":"end","seconds":N}             all commands and the Docker Engine: TERM, and KILL to what is left after that
//                                        time; with 0 KILL alone. Answered when they have ended
//   {"op":"poweroff","seconds":N}        answered first, then orderly: all ended, sync, unmount, power off
//   {"op":"mount", …}                    a workspace, see Mount
//   {"op":"stats"}                       {"ok":true,"memory_used_bytes":…,"memory_total_bytes":…,"processes":…,
//                                        "disk_used_bytes":…,"disk_total_bytes":…,"load":…}

// The answer to "stats".
struct Stats {
  uint64_t memory_used_bytes = 0;
  uint64_t memory_total_bytes = 0;
  uint64_t processes = 0;
  uint64_t disk_used_bytes = 0;
  uint64_t disk_total_bytes = 0;
  double load = 0;  // of the last minute
};

struct ControlRequest {
  enum class Operation { kHello, kConfigure, kSignal, kResize, kWaitDocker, kFreeze, kEnd, kPoweroff, kStats, kMount };
  Operation operation = Operation::kHello;
  Configure configure = {};  // of kConfigure
  uint64_t exec_id = 0;      // of kSignal and kResize
  int signal = 0;            // of kSignal, 1 to 64
  TtySize size = {};         // of kResize
  Mount mount = {};          // of kMount
  std::chrono::seconds until_kill =
      {};  // of kEnd and kPoweroff: what processes have after SIGTERM, up to kLongestPowerOff
};

struct CopyRequest {
  bool put = false;  // true: host to guest
  std::string path;  // put: see docker cp's rules, resolved by the guest; get: the file or folder to archive
  bool follow_link = false;
  std::string name;  // put: what the archive's top entry is to be called when `path` is not an existing folder
};

struct PortRequest {
  uint16_t port = 0;  // TCP on 127.0.0.1 in the guest
};

// A connection of the guest's, with the address that it asked for.
struct ConnectRequest {
  enum class Protocol { kTcp, kUdp };
  Protocol protocol = Protocol::kTcp;
  std::string address;  // as inet_ntop(3) writes it
  uint16_t port = 0;
};

base::Json to_json(const ExecRequest&);
base::Json to_json(const ExecStarted&);
base::Json to_json(const ExecResult&);
base::Json to_json(const ExecFailure&);
base::Json to_json(const Hello&);
base::Json to_json(const Configure&);
base::Json to_json(const ControlRequest&);
base::Json to_json(const Stats&);
base::Json to_json(const CopyRequest&);
base::Json to_json(const PortRequest&);
base::Json to_json(const ConnectRequest&);

template <typename Message>
Message from_json(const base::Json& json);
template <>
ExecRequest from_json(const base::Json& json);
template <>
ExecStarted from_json(const base::Json& json);
template <>
ExecResult from_json(const base::Json& json);
template <>
ExecFailure from_json(const base::Json& json);
template <>
Hello from_json(const base::Json& json);
template <>
Configure from_json(const base::Json& json);
template <>
ControlRequest from_json(const base::Json& json);
template <>
Stats from_json(const base::Json& json);
template <>
CopyRequest from_json(const base::Json& json);
template <>
PortRequest from_json(const base::Json& json);
template <>
ConnectRequest from_json(const base::Json& json);

// The service that a stream's first message names.
std::string service_of(const base::Json& first_message);

// {"ok":true}, to which an answer adds its keys, and {"ok":false,"error":…}.
base::Json ok_answer();
base::Json error_answer(const std::string& error);
// The answer without "ok"; throws "DOING: what the answer gives as the error" for the second kind.
base::Json checked_answer(base::Json answer, const std::string& doing);

}  // namespace caisson::link
