// SPDX-License-Identifier: Apache-2.0

// A sandbox's way out, on the host. Each connection of the guest's is a stream that its init opens (docs/protocol.md,
// "tcp" and "udp"); it says the destination and nothing else that is believed. The gate judges it by its policy, makes
// the connection itself, answers, and passes the bytes on. A refusal is an answer too: the guest's kernel then resets.
//
//   gate.cc       accepting, dispatching, changes of the policy
//   judge.cc      from the destination to the addresses that may be connected to
//   tcp.cc        one TCP connection        udp.cc   one flow of datagrams
//   resolver.cc   the guest's name server, which is one of its destinations
//
// One thread: the executor's. Everything that waits holds a reference to the gate's state, so the Gate may go first.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/json_reader.h"
#include "gate/host_resolver.h"
#include "gate/policy.h"
#include "gate/questions.h"
#include "gate/request_secrets.h"
#include "gate/used.h"
#include "link/session.h"

namespace caisson::gate {

struct GateLimits {
  size_t connections = 4096;  // TCP connections and flows of datagrams at a time
  // What the user can do about that number.
  std::string connections_hint = "--net-connections";
  size_t datagram_flows = 512;    // of those
  uint64_t bytes_per_second = 0;  // both ways together; 0: no limit
  uint64_t total_bytes = 0;       // both ways together; 0: no limit
  uint64_t spent_bytes = 0;       // before this, of the total
  std::chrono::milliseconds idle_datagrams{60000};
  std::chrono::milliseconds idle_names{10000};  // until the first question, of a conversation with the name server
  std::chrono::seconds for_answers{30};         // to questions (Default::kAsk)
  std::chrono::milliseconds hello{30000};       // for a ClientHello, from its first byte
  size_t held_bytes = 32U << 20;  // of all ClientHellos and heads of requests that have begun (held_bytes.h)
};

class LocalAuthority;

struct GateOptions {
  Policy policy = Policy();
  GateLimits limits = {};
  uint32_t random = 0;                 // where the synthetic addresses begin
  std::shared_ptr<Upstream> upstream;  // the host's resolver
  // Where TLS is ended to read the requests in it: as whom the gate answers (null: the machine's authority, when it is
  // needed), and a PEM file of the authorities whose servers are believed ("": those that the host trusts).
  std::shared_ptr<LocalAuthority> authority = {};
  std::string trust_store = {};
  // What happened, for the ledger: an event's name and its details. Called for each judgement and each end.
  std::function<void(std::string_view event, const base::Json& details)> record;
  // Where there is a total: how many bytes may have been exchanged until this is told more (Budget::on_reserve). May be
  // empty.
  std::function<void(uint64_t bytes)> reserve = {};
  // It can't go on: nothing of the guest's is served from here on. May be empty.
  std::function<void(const std::string& why)> failed = {};
};

// What was refused, for the user: by target ("example.com:443"), with what would have allowed it.
struct Refusals {
  struct Target {
    uint64_t count = 0;
    std::string reason;
    std::string allow;  // the rule that would allow it; "" where no rule can, or one denies it
    // Its name is allowed, and leads to an address of the user's own networks, which no rule allows.
    bool own_networks = false;
  };
  static constexpr size_t kMostTargets = 64;

  uint64_t count = 0;                     // of all
  std::map<std::string, Target> targets;  // the first kMostTargets
  std::set<std::string> limits;           // of the network, that were hit, in words
};

class Gate {
 public:
  Gate(asio::any_io_executor executor, GateOptions options);
  ~Gate();  // ends everything
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Serves what the other end of the session opens, until the session ends.
  void serve(std::shared_ptr<link::Session> session);

  const Policy& policy() const;
  // In force for new connections at once; those that are open and that it does not allow end.
  void set_policy(Policy policy);

  // What the user is asked where the policy's default is kAsk.
  Questions& questions();

  // The secrets that requests may use, in place of those before. Connections to where one of them goes, or went, end:
  // their requests are read from here on. No connection is allowed by that.
  void set_secrets(std::shared_ptr<const SandboxSecrets> secrets);
  // The value was replaced by the user, or revoked: connections on which it was used end.
  void secret_changed(const std::string& name);

  // Every connection ends, and nothing new is served. Idempotent.
  void close();

  const Refusals& refusals() const;
  // Connections that were made, over TCP and UDP.
  const Uses& uses() const;
  size_t connections() const;
  // Bytes that were exchanged, both ways together, and GateLimits::spent_bytes.
  uint64_t spent_bytes() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace caisson::gate
