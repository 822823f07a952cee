// SPDX-License-Identifier: Apache-2.0

// Messages of netlink(7), built and sent. Used for rtnetlink(7), nf_tables and nfnetlink_queue; attributes are nested
// where their families want it (NLA_F_NESTED is added, which rtnetlink ignores and nfnetlink asks for).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace caisson::guest {

// One request: a header, a fixed message of the family, attributes.
class NetlinkRequest {
 public:
  template <typename Body>
  NetlinkRequest(uint16_t type, uint16_t flags, const Body& body) {
    begin(type, flags);
    append(&body, sizeof body);
  }

  void attribute(uint16_t type, const void* data, size_t size);
  void text(uint16_t type, std::string_view text);  // with its NUL
  void u8(uint16_t type, uint8_t value) { attribute(type, &value, sizeof value); }
  void be16(uint16_t type, uint16_t value);
  void be32(uint16_t type, uint32_t value);
  void u32(uint16_t type, uint32_t value) { attribute(type, &value, sizeof value); }
  // What is added until end_nest(at) is inside of it.
  size_t begin_nest(uint16_t type);
  void end_nest(size_t at);

  std::string finish(uint32_t sequence) &&;

 private:
  friend class Netlink;
  void begin(uint16_t type, uint16_t flags);
  void ask_for_answer();
  void append(const void* data, size_t size);
  std::string bytes_;
};

// A netlink socket of one family (NETLINK_ROUTE, NETLINK_NETFILTER), blocking. One thread.
class Netlink {
 public:
  explicit Netlink(int family);

  // Waits for the acknowledgement. EEXIST is success: the template's network may be set up again. Throws
  // "cannot set up 'what'".
  void run(NetlinkRequest request, const char* what);
  // Several messages of one nfnetlink subsystem that take effect together or not at all. Throws.
  void run_batch(std::vector<NetlinkRequest> requests, uint16_t subsystem, const char* what);

  // For a socket whose messages are read elsewhere.
  base::Fd release() && { return std::move(socket_); }

 private:
  void send(const std::string& bytes, const char* what);
  void receive_answers(uint32_t last, const char* what);

  base::Fd socket_;
  uint32_t sequence_ = 0;
};

}  // namespace caisson::guest
