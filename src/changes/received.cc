// SPDX-License-Identifier: Apache-2.0

#include "changes/received.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"

namespace caisson::changes {
namespace {

constexpr size_t kRecordPartBytes = 256U << 10;

bool is_zero(std::span<const char> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

// A part that is all zeros becomes a hole: a sparse file of the guest's stays one.
void append(int file, std::span<const char> bytes) {
  if (bytes.size() >= 4096 && is_zero(bytes)) {
    if (::lseek(file, static_cast<off_t>(bytes.size()), SEEK_CUR) < 0)
      throw base::system_error("cannot keep", "changes");
    return;
  }
  base::write_all(file, bytes, "the sandbox's changes");
}

base::Fd nameless_file(const std::string& folder) {
  base::Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR)) {
    if (!file) throw base::system_error("cannot make a file in", folder);
    return file;
  }
  // A file system that has no such files (open(2)).
  std::string path = folder + "/.received-XXXXXX";
  file.reset(::mkostemp(path.data(), O_CLOEXEC));
  if (!file || ::unlink(path.c_str()) != 0) throw base::system_error("cannot make a file in", folder);
  return file;
}

}  // namespace

link::ChangeDecoder Received::decoder() {
  return link::ChangeDecoder({.record = [this](const link::ChangeRecord& record) {
    position_ += link::kChangeHeaderBytes + record.path.size() + record.target.size();
    if (record.kind == link::ChangeKind::kEnd) {
      error_ = record.target;
      return;
    }
    records_.push_back({record, position_});
    position_ += record.size;
  }});
}

void Received::feed(link::ChangeDecoder& decoder, std::span<const char> bytes) const {
  decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

void Received::finish(const link::ChangeDecoder& decoder) const {
  if (!decoder.ended())
    throw base::Error("the sandbox's list of changes is not whole: the connection was lost",
                      "`caisson ls` shows what became of the sandbox");
  if (!error_.empty()) throw base::Error("the sandbox could not list its changes: " + base::escaped(error_));
}

Received Received::read(int from, std::string_view early, const std::string& folder) {
  Received received;
  received.folder_ = folder;
  received.file_ = nameless_file(folder);
  link::ChangeDecoder decoder = received.decoder();
  std::vector<char> buffer(kRecordPartBytes);
  std::span<const char> bytes(early);
  while (true) {
    if (!bytes.empty()) {
      received.feed(decoder, bytes);
      append(received.file_.get(), bytes);
      bytes = {};
    }
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::system_error("cannot read", "the sandbox's changes");
    if (got == 0) break;
    bytes = {buffer.data(), static_cast<size_t>(got)};
  }
  received.finish(decoder);
  // Where it ends in a hole.
  if (::ftruncate(received.file_.get(), static_cast<off_t>(received.position_)) != 0)
    throw base::system_error("cannot keep", "the sandbox's changes");
  return received;
}

Received Received::open(const std::string& path, const std::string& folder) {
  Received received;
  received.folder_ = folder.empty() ? path.substr(0, path.rfind('/')) : folder;
  received.file_ = base::open_file(path, O_RDONLY);
  link::ChangeDecoder decoder = received.decoder();
  std::vector<char> buffer(kRecordPartBytes);
  while (true) {
    const ssize_t got = ::read(received.file_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::system_error("cannot read", path);
    if (got == 0) break;
    received.feed(decoder, {buffer.data(), static_cast<size_t>(got)});
  }
  received.finish(decoder);
  return received;
}

void Received::content(const ReceivedRecord& record, const std::function<bool(std::span<const char>)>& part) const {
  std::vector<char> buffer(std::min<uint64_t>(kRecordPartBytes, std::max<uint64_t>(record.record.size, 1)));
  uint64_t done = 0;
  while (done < record.record.size) {
    const size_t want = std::min<uint64_t>(buffer.size(), record.record.size - done);
    const ssize_t got = ::pread(file_.get(), buffer.data(), want, static_cast<off_t>(record.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw base::system_error("cannot read", "the sandbox's changes", got == 0 ? EIO : errno);
    done += static_cast<uint64_t>(got);
    if (!part({buffer.data(), static_cast<size_t>(got)})) return;
  }
}

}  // namespace caisson::changes
