// SPDX-License-Identifier: Apache-2.0

// The processes between which the gate's benchmark passes bytes, each with an event loop of its own:
//
//   this process   a client: a guest's init towards the gate, an ordinary client towards the others
//   the gate       the real one, at the other end of a link (a socket pair), as in a keeper
//   the proxy      what a gate costs at least: accepts, connects, and moves bytes by splice(2)
//   the origin     the servers that are connected to
//
// All of it on 127.0.0.1. They are forked before anything runs here, and die with this process.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/process.h"
#include "gate/ca.h"

namespace caisson::bench {

// What the origin serves, each at a port of its own.
enum class Service : uint8_t {
  kGreeting,   // one byte to who connects; then the connection stays until the client ends it
  kSource,     // 8 bytes, big-endian, say how many bytes are wanted; those come
  kSink,       // takes all bytes, and sends one at their end
  kTls,        // HTTPS as kTlsName
  kJudgedTls,  // HTTPS as kJudgedName, whose requests the gate reads
  kPlainHttp,  // HTTP, whose requests the gate reads
};
inline constexpr size_t kServices = 6;
inline constexpr const char* kPlainName = "plain.example.com";  // of kGreeting, kSource and kSink
inline constexpr const char* kTlsName = "tls.example.com";
inline constexpr const char* kJudgedName = "judged.example.com";  // of kJudgedTls and kPlainHttp
const char* name_of(Service service);

// HTTP(S): GET /N is answered with N bytes.

using Ports = std::array<uint16_t, kServices>;

struct Listeners {
  Listeners();
  std::array<base::Fd, kServices> sockets;
  Ports ports;
};

// A certificate authority for origin and gate, in a folder that is gone when this is.
class BenchAuthority {
 public:
  BenchAuthority();
  ~BenchAuthority();
  BenchAuthority(const BenchAuthority&) = delete;
  BenchAuthority& operator=(const BenchAuthority&) = delete;

  const std::shared_ptr<gate::LocalAuthority>& authority() const { return authority_; }
  std::string trust_store() const { return folder_ + "/trusted.pem"; }

 private:
  std::string folder_;
  std::shared_ptr<gate::LocalAuthority> authority_;
};

// Runs `work` in a child, which ps(1) and perf(1) show by this name. The child never returns from it; what it throws is
// said on stderr.
base::Child fork_child(const char* name, const std::function<void()>& work);

// Each serves until it is killed.
void run_origin(const Listeners& listeners, gate::LocalAuthority& authority);
void run_splice_proxy(const Listeners& listeners, const Ports& origin);
struct GateProcess {
  base::Fd link;
  Ports origin;
  std::shared_ptr<gate::LocalAuthority> authority;
  std::string trust_store;
};
void run_gate(GateProcess process);

}  // namespace caisson::bench
