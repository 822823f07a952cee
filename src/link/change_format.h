// SPDX-License-Identifier: Apache-2.0

// What a sandbox has changed in a workspace, as bytes on the link: records that the guest writes and the host reads.
// docs/protocol.md, section "changes", is the specification.
//
// The records are the upper folder of an overlay, walked depth first and with the names of each folder in the order of
// their bytes. So a folder's record comes before those of what is in it, no path can come twice, and the reader needs
// to remember nothing but the folder in which it is: that is how it holds against a guest that sends anything.
// Names are bytes, not text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::link {

enum class ChangeKind : uint8_t {
  kFolder = 1,
  kFile = 2,
  kSymlink = 3,
  kRemoved = 4,
  kLeftOut = 5,  // a device, a pipe, a socket, a name that is too long: nothing that can be applied
  kEnd = 6,      // the last record; its target is the error that ended the walk, "" where all has been said
};

struct ChangeRecord {
  ChangeKind kind = ChangeKind::kEnd;
  bool opaque = false;  // a folder: nothing of the host's folder at this path is in it
  uint32_t mode = 0;    // of a folder or file: the bits of 0777
  int64_t mtime_ns = 0;
  uint64_t size = 0;       // bytes of content that follow the record; 0 where content was not asked for
  uint64_t real_size = 0;  // of a file; equals `size` where content follows
  std::string path = {};   // from the workspace's root; "" in the end's record only
  // A symlink: what it points to. A folder: the path of the host's folder that it was before a rename, else "".
  std::string target = {};
};

inline constexpr size_t kMostChangeRecords = 1'000'000;
inline constexpr size_t kMostChangeNameBytes = 128U << 20;         // paths and targets of all records
inline constexpr uint64_t kMostChangeContentBytes = 256ULL << 30;  // of all records
inline constexpr size_t kMostChangePathBytes = 4095;               // PATH_MAX without its NUL
inline constexpr size_t kChangeHeaderBytes = 1 + 1 + 4 + 8 + 8 + 8 + 2 + 2;

// What is wrong with `path` as a path below a folder: "" where nothing is. Components of 1 to 255 bytes, neither "."
// nor
// "..", no NUL, no "/" at either end, at most kMostChangePathBytes.
std::string flaw_of_path(std::string_view path);

// Whether `first` comes before `second` in a walk: component by component, so that "a/b" is before "a-".
bool comes_before(std::string_view first, std::string_view second);

// Appends the record's bytes (not its content).
void encode_change(const ChangeRecord& record, std::string& into);

// Reads bytes as they come. Everything is checked: whatever is passed on is well formed, in order, and within the
// bounds above. Throws base::Error that names the flaw; nothing may be fed after that.
class ChangeDecoder {
 public:
  struct Sink {
    std::function<void(const ChangeRecord& record)> record;            // the end is one, too
    std::function<void(std::span<const uint8_t> bytes)> content = {};  // of the last record, in its order
    std::function<void()> whole = {};                                  // its content has come
  };
  explicit ChangeDecoder(Sink sink) : sink_(std::move(sink)) {}

  void feed(std::span<const uint8_t> bytes);
  // The end's record has come.
  bool ended() const { return ended_; }

 private:
  void decode_header();
  void decode_names();
  void take(ChangeRecord record);
  void check_place(const ChangeRecord& record);
  void finish_content();

  Sink sink_;
  std::vector<uint8_t> pending_;  // of a header or its names
  size_t wanted_ = kChangeHeaderBytes;
  bool in_names_ = false;
  ChangeRecord record_;  // its header has come
  size_t path_bytes_ = 0;
  uint64_t content_left_ = 0;
  bool ended_ = false;

  std::string folder_;     // the folder that the walk is in
  std::string last_path_;  // of the record before
  size_t records_ = 0;
  size_t name_bytes_ = 0;
  uint64_t content_bytes_ = 0;
};

}  // namespace caisson::link
