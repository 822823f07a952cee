// SPDX-License-Identifier: Apache-2.0

#include "guest/ready_overlay.h"

#include <linux/fuse.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <thread>

#include "base/error.h"
#include "base/scope.h"
#include "link/fuse_init.h"
#include "link/workspace_messages.h"

namespace caisson::guest {
namespace {

// Answers in the server's place, on a thread of its own.
class StandIn {
 public:
  explicit StandIn(const base::Fd& device) : device_(device), stop_(base::make_pipe()), thread_([this] { serve(); }) {}
  ~StandIn() { stop(); }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  void stop() {
    stop_.second.reset();
    if (thread_.joinable()) thread_.join();
  }
  AnsweredInit init;

 private:
  void serve() {
    std::vector<uint8_t> request(link::kMostFuseBytes);
    while (wait()) {
      const ssize_t got = ::read(device_.get(), request.data(), request.size());
      if (got >= static_cast<ssize_t>(sizeof(fuse_in_header)))
        answer(std::span(request).first(static_cast<size_t>(got)));
      else if (got < 0 && errno != EAGAIN && errno != EINTR && errno != ENOENT)
        return;
    }
  }

  // False when it is to stop.
  bool wait() {
    std::array<pollfd, 2> watched = {pollfd{device_.get(), POLLIN, 0}, pollfd{stop_.first.get(), POLLIN, 0}};
    while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
    }
    return watched[1].revents == 0;
  }

  void answer(std::span<const uint8_t> request) {
    fuse_in_header header{};
    std::memcpy(&header, request.data(), sizeof header);
    switch (header.opcode) {
      case FUSE_INIT: {
        fuse_init_in in{};
        std::memcpy(&in, request.data() + sizeof header, std::min(sizeof in, request.size() - sizeof header));
        init.request.assign(request.begin(), request.end());
        init.answer = put(header, link::fuse_init_answer(in, true));
        return;
      }
      case FUSE_GETATTR: {
        fuse_attr_out out{};  // valid for no time at all
        out.attr.ino = FUSE_ROOT_ID;
        out.attr.mode = S_IFDIR | 0755U;
        out.attr.nlink = 2;
        put(header, out);
        return;
      }
      case FUSE_STATFS: {
        fuse_statfs_out out{};
        out.st.bsize = 4096;
        out.st.frsize = 4096;
        out.st.namelen = 255;
        put(header, out);
        return;
      }
      default:
        put_bytes({.len = sizeof(fuse_out_header), .error = -EIO, .unique = header.unique}, {});
    }
  }

  template <typename Fields>
  std::vector<uint8_t> put(const fuse_in_header& header, const Fields& fields) {
    const fuse_out_header out{.len = sizeof(fuse_out_header) + sizeof fields, .error = 0, .unique = header.unique};
    return put_bytes(out, {reinterpret_cast<const uint8_t*>(&fields), sizeof fields});
  }

  // One that the kernel does not take is waited for, until this ends and the device with it.
  std::vector<uint8_t> put_bytes(const fuse_out_header& header, std::span<const uint8_t> body) {
    std::vector<uint8_t> message(sizeof header);
    std::memcpy(message.data(), &header, sizeof header);
    message.insert(message.end(), body.begin(), body.end());
    [[maybe_unused]] const ssize_t written = ::write(device_.get(), message.data(), message.size());
    return message;
  }

  const base::Fd& device_;
  base::FdPair stop_;
  std::thread thread_;
};

}  // namespace

ReadyOverlay make_ready_overlay(const Anchors& anchors) {
  ReadyOverlay ready;
  FuseFileSystem made = make_fuse_file_system(false);
  ready.device = std::move(made.device);
  StandIn stand_in(ready.device);
  ready.mounts = make_overlay_mounts(anchors, made.context, ReadyOverlay::kId);
  stand_in.stop();
  if (stand_in.init.answer.empty()) throw base::Error("the kernel has not introduced itself to a workspace's server");
  ready.init = std::move(stand_in.init);
  return ready;
}

}  // namespace caisson::guest
