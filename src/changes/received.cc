// SPDX-License-Identifier: Apache-2.0

#include "changes/received.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/disk_space.h"
#include "base/error.h"
#include "base/text.h"

namespace caisson::changes {
namespace {

constexpr size_t kRecordPartBytes = 256U << 10;
// Of a record that has not come as a whole.
constexpr size_t kMostHeadBytes = link::kChangeHeaderBytes + 2 * link::kMostChangePathBytes;

bool is_zero(std::span<const char> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

// Writes what comes to a file, within bounds. Blocks that are all zeros, and parts of blocks that come by themselves,
// become holes: a sparse file of the guest's stays one.
class BoundedFile {
 public:
  BoundedFile(int file, const std::string& folder, const ReceiveBounds& bounds)
      : file_(file), folder_(folder), bounds_(bounds) {}

  // `others`: how many of the bytes up to the end of these are no content.
  void append(std::span<const char> bytes, uint64_t others) {
    size_t begin = 0;  // of what is to be written
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = std::min<uint64_t>(bytes.size() - at, kBlockBytes - (position_ + at) % kBlockBytes);
      if (is_zero(bytes.subspan(at, size))) {
        write(bytes.subspan(begin, at - begin), others);
        hole_ += size;
        begin = at + size;
      }
      at += size;
    }
    write(bytes.subspan(begin), others);
    position_ += bytes.size();
  }

 private:
  static constexpr size_t kBlockBytes = 4096;

  void write(std::span<const char> bytes, uint64_t others) {
    if (bytes.empty()) return;
    stored_ += bytes.size();
    if (stored_ > others && stored_ - others > bounds_.content.count)
      throw base::Error("the sandbox's list of changes is refused: it has more content than the " +
                            base::to_string(bounds_.content) + " of the sandbox's disk",
                        "a file counts for each of its hard links; `caisson cp` takes single files out");
    const base::Bytes free = base::free_space(folder_);
    if (free.count < bytes.size() || free.count - bytes.size() < bounds_.spare.count)
      throw base::Error("no space left for the sandbox's changes in " + base::in_quotes(folder_) + ": " +
                            base::to_string(free) + " are free, of which " + base::to_string(bounds_.spare) +
                            " are left alone",
                        "free some disk space; `caisson cp` takes single files out", ENOSPC);
    if (hole_ > 0 && ::lseek(file_, static_cast<off_t>(hole_), SEEK_CUR) < 0)
      throw base::system_error("cannot keep", "the sandbox's changes");
    hole_ = 0;
    base::write_all(file_, bytes, "the sandbox's changes");
  }

  int file_;
  const std::string& folder_;
  const ReceiveBounds& bounds_;
  uint64_t position_ = 0;
  uint64_t hole_ = 0;  // before what is written next
  uint64_t stored_ = 0;
};

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
    const uint64_t head = link::kChangeHeaderBytes + record.path.size() + record.target.size();
    position_ += head;
    other_bytes_ += head;
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

Received Received::read(int from, std::string_view early, const std::string& folder, const ReceiveBounds& bounds) {
  Received received;
  received.folder_ = folder;
  received.file_ = nameless_file(folder);
  BoundedFile file(received.file_.get(), folder, bounds);
  link::ChangeDecoder decoder = received.decoder();
  std::vector<char> buffer(kRecordPartBytes);
  std::span<const char> bytes(early);
  while (true) {
    if (!bytes.empty()) {
      received.feed(decoder, bytes);
      file.append(bytes, received.other_bytes_ + kMostHeadBytes);
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

void Received::require_content() const {
  for (const ReceivedRecord& one : records_) {
    if (one.record.size != one.record.real_size)
      throw base::Error("the sandbox's list of changes is refused: it holds " + std::to_string(one.record.size) +
                        " of " + std::to_string(one.record.real_size) + " bytes of " +
                        base::in_quotes(one.record.path));
  }
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
