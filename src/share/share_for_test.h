// SPDX-License-Identifier: Apache-2.0

// A share of a folder of a test's own, and a client that speaks raw FUSE messages to it over a socket pair.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "base/temp_folder_for_test.h"
#include "share/message.h"
#include "share/node_table.h"
#include "share/server.h"

namespace caisson::share {

template <typename... Fields>
std::string bytes_of(const Fields&... fields) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&fields), sizeof fields), ...);
  return bytes;
}

inline std::string text_of(std::string_view name) {
  return std::string(name) + '\0';
}

struct Message {
  uint64_t unique = 0;
  int errnum = 0;  // of a notification: its code, negative
  std::string body = {};
  bool operator==(const Message&) const = default;

  template <typename Fields>
  Fields fields() const {
    Fields fields{};
    EXPECT_GE(body.size(), sizeof fields);
    std::memcpy(&fields, body.data(), std::min(sizeof fields, body.size()));
    return fields;
  }
};

// The guest's side of the stream.
class RawClient {
 public:
  explicit RawClient(base::Fd stream) : stream_(std::move(stream)) {}

  // A request's bytes as they are; `length` instead of the true one where it is not 0.
  void send(uint32_t opcode, uint64_t node, const std::string& body, uint32_t length = 0) {
    fuse_in_header header{};
    header.len = length != 0 ? length : static_cast<uint32_t>(sizeof header + body.size());
    header.opcode = opcode;
    header.unique = ++unique_;
    header.nodeid = node;
    send_bytes(bytes_of(header) + body);
  }
  void send_bytes(const std::string& bytes) { ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // The next message of the share's; nothing at the end of the stream.
  std::optional<Message> receive() {
    fuse_out_header header{};
    if (!read_all(&header, sizeof header) || header.len < sizeof header) return std::nullopt;
    Message message{
        .unique = header.unique, .errnum = -header.error, .body = std::string(header.len - sizeof header, '\0')};
    if (!read_all(message.body.data(), message.body.size())) return std::nullopt;
    return message;
  }
  // The answer to a request; notifications that come before it are kept.
  Message call(uint32_t opcode, uint64_t node, const std::string& body) {
    send(opcode, node, body);
    return answer();
  }
  Message answer() { return answer_to(unique_); }
  Message answer_to(uint64_t unique) {
    while (auto message = receive()) {
      if (message->unique == unique) return *message;
      (message->unique == 0 ? notifications : others).push_back(*message);
    }
    ADD_FAILURE() << "the stream ended";
    return {.errnum = -1};
  }
  uint64_t last_unique() const { return unique_; }
  void end() { ::shutdown(stream_.get(), SHUT_WR); }

  std::deque<Message> notifications;
  std::deque<Message> others;

 private:
  bool read_all(void* to, size_t bytes) {
    for (size_t have = 0; have < bytes;) {
      const ssize_t got = ::recv(stream_.get(), static_cast<char*>(to) + have, bytes - have, 0);
      if (got <= 0) return false;
      have += static_cast<size_t>(got);
    }
    return true;
  }
  base::Fd stream_;
  uint64_t unique_ = 0;
};

inline std::string init_body(uint32_t minor = FUSE_KERNEL_MINOR_VERSION) {
  fuse_init_in in{};
  in.major = FUSE_KERNEL_VERSION;
  in.minor = minor;
  in.max_readahead = 1 << 20;
  in.flags = UINT32_MAX & ~static_cast<uint32_t>(FUSE_INIT_EXT);
  return bytes_of(in);
}

class ShareTest : public testing::Test {
 protected:
  ~ShareTest() override { stop(); }

  void write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
    std::ofstream(folder / name) << content;
  }
  // Serves `folder`, or the file `top` in it, and greets it.
  void start(ShareOptions options = {}, const std::string& top = "") {
    start_without_greeting(std::move(options), top);
    EXPECT_EQ(client->call(FUSE_INIT, 0, init_body()).errnum, 0);
  }
  void start_without_greeting(ShareOptions options = {}, const std::string& top = "") {
    base::FdPair ends = base::make_socketpair();
    options.channel = std::move(ends.second);
    options.root = base::open_file(top.empty() ? folder.path() : folder / top, O_PATH);
    client.emplace(std::move(ends.first));
    serving_ = std::thread([this, given = std::move(options)]() mutable { result = serve(std::move(given)); });
  }
  // Ends the stream, and waits for serve().
  void stop() {
    if (client) client->end();
    if (serving_.joinable()) serving_.join();
  }

  fuse_entry_out look_up(const std::string& name, uint64_t parent = kRootId) {
    const Message answer = client->call(FUSE_LOOKUP, parent, text_of(name));
    EXPECT_EQ(answer.errnum, 0) << name;
    return answer.errnum == 0 ? answer.fields<fuse_entry_out>() : fuse_entry_out{};
  }
  int errno_of_look_up(const std::string& name, uint64_t parent = kRootId) {
    const Message answer = client->call(FUSE_LOOKUP, parent, text_of(name));
    // A folder that is watched has the guest remember what is not there.
    const bool absent = answer.errnum == 0 && answer.fields<fuse_entry_out>().nodeid == 0;
    return absent ? ENOENT : answer.errnum;
  }
  Message open(uint64_t node, uint32_t flags = O_RDONLY) {
    return client->call(FUSE_OPEN, node, bytes_of(fuse_open_in{.flags = flags, .open_flags = 0}));
  }
  Message read(uint64_t node, uint64_t handle, uint64_t offset = 0, uint32_t size = 4096) {
    fuse_read_in in{};
    in.fh = handle;
    in.offset = offset;
    in.size = size;
    return client->call(FUSE_READ, node, bytes_of(in));
  }
  // What a file holds, by OPEN and READ.
  std::string content(uint64_t node) {
    const Message opened = open(node);
    EXPECT_EQ(opened.errnum, 0);
    return opened.errnum == 0 ? read(node, opened.fields<fuse_open_out>().fh).body : "";
  }
  // The next notification of that kind.
  Message notified(fuse_notify_code code) {
    while (true) {
      for (auto at = client->notifications.begin(); at != client->notifications.end(); ++at) {
        if (at->errnum != -static_cast<int>(code)) continue;
        Message found = *at;
        client->notifications.erase(at);
        return found;
      }
      const auto message = client->receive();
      if (!message) {
        ADD_FAILURE() << "the stream ended";
        return {};
      }
      client->notifications.push_back(*message);
    }
  }
  std::string name_of(const Message& entry) {
    return entry.body.substr(sizeof(fuse_notify_inval_entry_out), entry.fields<fuse_notify_inval_entry_out>().namelen);
  }
  std::vector<std::string> names_in(uint64_t node, bool with_attributes = false);

  base::TempFolder folder;
  std::optional<RawClient> client;
  int result = -1;

 private:
  std::thread serving_;
};

inline std::vector<std::string> ShareTest::names_in(uint64_t node, bool with_attributes) {
  std::vector<std::string> names;
  fuse_read_in in{};
  in.size = 4096;
  const Message opened = client->call(FUSE_OPENDIR, node, bytes_of(fuse_open_in{.flags = 0, .open_flags = 0}));
  if (opened.errnum != ENOSYS) in.fh = opened.fields<fuse_open_out>().fh;
  while (true) {
    const Message answer = client->call(with_attributes ? FUSE_READDIRPLUS : FUSE_READDIR, node, bytes_of(in));
    EXPECT_EQ(answer.errnum, 0);
    if (answer.errnum != 0 || answer.body.empty()) return names;
    for (size_t at = 0; at < answer.body.size();) {
      fuse_dirent entry{};
      if (with_attributes) at += sizeof(fuse_entry_out);
      std::memcpy(&entry, answer.body.data() + at, FUSE_NAME_OFFSET);
      const std::string name = answer.body.substr(at + FUSE_NAME_OFFSET, entry.namelen);
      if (name != "." && name != "..") names.push_back(name);
      in.offset = entry.off;
      at += FUSE_DIRENT_SIZE(&entry);
    }
  }
}

}  // namespace caisson::share
