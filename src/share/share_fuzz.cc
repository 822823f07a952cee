// SPDX-License-Identifier: Apache-2.0

// Any bytes as what a guest's file system client sends: they are answered or end the stream, and nothing outside the
// shared folder is read or changed.
//
// The input is a list of requests in a short form, so that mutations reach the operations behind the framing: opcode (1
// byte), node (1), length of the body (2, little-endian), the body. The first byte of all is the mode; with its highest
// bit set the rest is sent as it is.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "base/random.h"
#include "share/message.h"
#include "share/server.h"

namespace caisson::share {
namespace {

// What the guest must never get. No input can hold it: it is another one in each process.
const std::string& secret() {
  static const std::string text = base::random_hex(16);
  return text;
}

void require(bool holds) {
  if (!holds) std::abort();
}

// A fresh folder to share, beside a file that must stay what it is.
class Place {
 public:
  Place() : path_((std::filesystem::temp_directory_path() / "caisson-fuzz.XXXXXX").string()) {
    require(::mkdtemp(path_.data()) != nullptr);
    std::filesystem::create_directories(top() + "/a/b");
    std::ofstream(top() + "/file") << "text";
    std::ofstream(top() + "/a/.env") << secret();
    std::filesystem::create_symlink("../outside", top() + "/link");
    std::ofstream(outside()) << secret();
  }
  ~Place() {
    std::string content;
    std::ifstream(outside()) >> content;
    require(content == secret());
    struct stat status {};
    require(::stat(outside().c_str(), &status) == 0 && (status.st_mode & 06000) == 0 && status.st_nlink == 1);
    // The guest may have taken all rights from folders.
    for (int i = 0; i < 3; ++i) {
      std::error_code ignored;
      std::filesystem::permissions(top(), std::filesystem::perms::owner_all, ignored);
      std::filesystem::remove_all(path_, ignored);
    }
  }
  std::string top() const { return path_ + "/top"; }

 private:
  std::string outside() const { return path_ + "/outside"; }
  std::string path_;
};

void send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
}

void append_request(std::string& stream, uint32_t opcode, uint64_t node, std::string_view body) {
  static uint64_t unique = 0;
  fuse_in_header header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.unique = ++unique;
  header.nodeid = node;
  stream.append(reinterpret_cast<const char*>(&header), sizeof header);
  stream.append(body);
}

std::string requests(std::string_view data) {
  std::string stream;
  fuse_init_in init{};
  init.major = FUSE_KERNEL_VERSION;
  init.minor = FUSE_KERNEL_MINOR_VERSION;
  init.flags = ~0U;
  append_request(stream, FUSE_INIT, 0, {reinterpret_cast<const char*>(&init), sizeof init});
  while (data.size() >= 4) {
    const auto opcode = static_cast<uint8_t>(data[0]);
    const auto node = static_cast<uint8_t>(data[1]);
    const size_t size = static_cast<uint8_t>(data[2]) | static_cast<size_t>(static_cast<uint8_t>(data[3])) << 8;
    data.remove_prefix(4);
    const std::string_view body = data.substr(0, size);
    data.remove_prefix(body.size());
    // Locks that are waited for would only wait; what a node's number is made of is tried too.
    append_request(stream, opcode == FUSE_SETLKW ? FUSE_SETLK : opcode, node < 128 ? node : uint64_t{node} << 32 | 2,
                   body);
  }
  return stream;
}

// Every answer is well-formed, until the stream ends.
void read_answers(int from) {
  std::string body;
  while (true) {
    fuse_out_header header{};
    if (::recv(from, &header, sizeof header, MSG_WAITALL) != sizeof header) return;
    require(header.len >= sizeof header && header.len <= kMaxMessageBytes);
    body.resize(header.len - sizeof header);
    if (!body.empty() && ::recv(from, body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size()))
      return;
    require(body.find(secret()) == std::string::npos);
  }
}

void check(std::string_view data) {
  if (data.empty()) return;
  const auto how = static_cast<uint8_t>(data[0]);
  data.remove_prefix(1);
  const Place place;
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  ShareOptions options{.mode = (how & 1) != 0 ? Mode::kReadWrite : Mode::kReadOnly,
                       .masks = {".env*", "a/b/masked"},
                       .limits = {.nodes = 64, .descriptors = 64, .threads = 1}};
  options.channel = base::Fd(ends[1]);
  options.root = base::Fd(::open(place.top().c_str(), O_PATH | O_CLOEXEC));
  const base::Fd guest(ends[0]);
  std::thread serving([given = std::move(options)]() mutable { (void)serve(std::move(given)); });
  std::thread sending([&] {
    send_all(guest.get(), (how & 0x80) != 0 ? std::string(data) : requests(data));
    ::shutdown(guest.get(), SHUT_WR);
  });
  read_answers(guest.get());
  sending.join();
  serving.join();
}

}  // namespace
}  // namespace caisson::share

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::share::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
