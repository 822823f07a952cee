// SPDX-License-Identifier: Apache-2.0

#include "vmm/qmp_ahead.h"

#include <sys/socket.h>

#include <cstring>

#include "base/error.h"
#include "base/json_reader.h"

namespace caisson::vmm {
namespace {

using base::Json;

std::string command(const char* name, const Json& arguments = Json::object()) {
  return base::to_line({{"execute", name}, {"arguments", arguments}, {"id", kAheadId}}) + "\n";
}

std::string capabilities(std::initializer_list<const char*> names) {
  Json list = Json::array();
  for (const char* name : names) list.push_back({{"capability", name}, {"state", true}});
  return command("migrate-set-capabilities", {{"capabilities", list}});
}

// `file` -1: without a descriptor.
void send_text(int socket, const std::string& text, int file = -1) {
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
  }
  // A few hundred bytes into an empty socket: never a part of it.
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    throw base::system_error("cannot write to", "QEMU's control socket");
}

}  // namespace

void send_ahead(int socket, const MachineConfig& config) {
  send_text(socket, command("qmp_capabilities"));
  if (config.memory.kind == MemoryKind::kTemplateClone) {
    send_text(socket, capabilities({"x-ignore-shared"}) +
                          command("migrate-incoming", {{"uri", "fd:" + std::to_string(kDeviceStateFd)}}));
  }
  if (config.memory.kind == MemoryKind::kTemplateNew) {
    send_text(socket, capabilities({"events", "x-ignore-shared"}));
    // "migrate" takes descriptors only by a name that getfd gave them, and getfd only from the socket's ancillary data.
    send_text(socket, command("getfd", {{"fdname", kStateName}}), config.device_state.get());
  }
}

}  // namespace caisson::vmm
