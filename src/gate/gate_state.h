// SPDX-License-Identifier: Apache-2.0

// What the parts of the gate share; gate.h is the contract.
#pragma once

#include <list>
#include <optional>

#include "base/error.h"
#include "gate/budget.h"
#include "gate/dial.h"
#include "gate/gate.h"
#include "gate/held_bytes.h"
#include "gate/names.h"
#include "gate/proxy.h"
#include "link/services.h"

namespace caisson::gate {

// A connection's destination as the guest gave it, and the name that its synthetic address stands for.
struct Target {
  Protocol protocol = Protocol::kTcp;
  std::optional<std::string> name;
  IpAddress address;
  uint16_t port = 0;
  bool once = false;  // the user has allowed this connection, and no rule speaks of it

  // "example.com:443", "udp:192.0.2.7:53", "[2001:db8::7]:443": as a rule is written, and shown to the user.
  std::string text() const;
};

// A judgement against a connection: not an error of the program.
class Refused : public base::Error {
 public:
  Refused(const Verdict& verdict, std::string allow)
      : base::Error(verdict.reason), entry_(verdict.entry), allow_(std::move(allow)) {}
  explicit Refused(const std::string& reason) : base::Error(reason) {}
  // One of the addresses that an allowed name leads to. It is not for a hint: whoever answers for the name chose it.
  static Refused address(const Verdict& verdict, AddressKind kind) {
    Refused refused(verdict, "");
    refused.own_networks_ = !verdict.entry && is_of_own_networks(kind);
    return refused;
  }
  static Refused by_limit(const std::string& reason) {
    Refused refused(reason);
    refused.is_limit_ = true;
    return refused;
  }

  const std::optional<Entry>& entry() const { return entry_; }
  const std::string& allow() const { return allow_; }
  bool own_networks() const { return own_networks_; }
  bool is_limit() const { return is_limit_; }

 private:
  std::optional<Entry> entry_;
  std::string allow_;
  bool own_networks_ = false;
  bool is_limit_ = false;
};

// What may be connected to, and which rule said so.
struct Allowed {
  std::vector<IpAddress> addresses;         // none where only the proxy knows them
  uint16_t port = 0;                        // at these addresses
  std::shared_ptr<const Proxy> proxy = {};  // through which it is reached; may be null
  std::optional<Entry> entry;
  bool once = false;  // by the user
};

struct OpenConnection {
  Target target;
  std::optional<IpAddress> reached;  // the address that it is connected to; nothing where only the proxy knows it
  std::function<void(const Verdict& why)> end;
  // What a policy has against what the connection is used for, besides its target.
  std::function<std::optional<Verdict>(const Policy& policy)> objection = {};
  // Where there is no objection to it as a whole: ends what of it the policy, as it is now, denies.
  std::function<void()> reconsider = {};
  // Whether a request on it has used the secret of that name.
  std::function<bool(const std::string& name)> used_secret = {};
};

struct TlsTermination;

struct Gate::State : std::enable_shared_from_this<Gate::State> {
  State(asio::any_io_executor runs_on, GateOptions gate_options)
      : executor(runs_on),
        options(std::move(gate_options)),
        names(options.random),
        questions(runs_on, options.limits.for_answers),
        budget(runs_on, options.limits.bytes_per_second, options.limits.total_bytes, options.limits.spent_bytes),
        held(std::make_shared<HeldBytes>(options.limits.held_bytes)) {
    budget.on_limit([this](const std::string& words) { note_limit(words); });
    budget.on_reserve(options.reserve);
  }

  asio::any_io_executor executor;
  GateOptions options;
  NameTable names;
  std::shared_ptr<const SandboxSecrets> secrets = std::make_shared<SandboxSecrets>();
  Questions questions;
  Budget budget;
  std::shared_ptr<HeldBytes> held;
  std::shared_ptr<TlsTermination> termination;  // http_session.h
  Refusals refusals;
  std::map<std::string, uint16_t> half_refused;  // resolver.cc
  Uses uses;
  std::list<OpenConnection> open;
  size_t connections = 0;     // with those that are still being judged
  size_t spare_sockets = 64;  // for connections that are being made (DialLimits)
  size_t datagram_flows = 0;
  size_t name_streams = 0;  // to the guest's name server
  size_t http2_connections = 0;
  uint64_t next_id = 1;
  bool closed = false;

  void record(std::string_view event, base::Json details) const {
    if (options.record) options.record(event, details);
  }
  void count_refusal(const std::string& target, Refusals::Target why);
  void note_limit(const std::string& words) { refusals.limits.insert(words); }
};

using StatePtr = std::shared_ptr<Gate::State>;

// An entry of State::open, for as long as this lives; its name's address is not given to another name meanwhile.
class Registered {
 public:
  Registered(StatePtr state, OpenConnection connection);
  ~Registered();
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  StatePtr state_;
  std::list<OpenConnection>::iterator place_;
  bool pinned_;
};

// Which rule decided, and where it was written: for the ledger, which the guest does not see.
inline void note_denying_rule(base::Json& details, const Entry& entry) {
  details["rule"] = to_string(entry.rule);
  details["origin"] = entry.origin;
}

// reach.cc. Whereto, for the ledger: "protocol", "port", and "name" or "address".
base::Json place_of(const Target& target);

// Of a connection's end that was not its own.
inline void note_cut_off(base::Json& details, const Target& target, const Verdict& why) {
  details.update(place_of(target));
  details["verdict"] = "refused";
  details["reason"] = why.reason;
  if (why.entry) note_denying_rule(details, *why.entry);
}

// judge.cc. The target of a request; throws Refused for a synthetic address that no name has.
Target target_of(Gate::State& state, const link::ConnectRequest& request);
// Throws Refused.
asio::awaitable<Allowed> judge(StatePtr state, Target target);
// Whether the policy, as it is now, allows an open connection; else why not.
std::optional<Verdict> objection(const Policy& policy, const OpenConnection& connection);

// Judges, connects by `dial`, and records what came of it. Nothing when there is no connection.
using Dial = std::function<asio::awaitable<Dialled>(Allowed)>;
asio::awaitable<std::optional<Dialled>> reach(StatePtr state, Target target, uint64_t id, Dial dial);
// The guest is told that, and not why: the reason is the host's.
asio::awaitable<void> answer_refused(link::StreamPtr stream);

// The services. Each answers on the stream, and returns when its connection has ended.
asio::awaitable<void> serve_tcp(StatePtr state, link::StreamPtr stream, Target target);
asio::awaitable<void> serve_udp(StatePtr state, link::StreamPtr stream, Target target);
asio::awaitable<void> serve_names(StatePtr state, link::StreamPtr stream, Protocol protocol);

}  // namespace caisson::gate
