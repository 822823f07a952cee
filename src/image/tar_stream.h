// SPDX-License-Identifier: Apache-2.0

// Two libarchive readers in a row: the first undoes the compression, the second reads the tar. What passes between them
// is counted, digested and bounded.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <memory>
#include <string>

#include "image/digest.h"

namespace caisson::image {

class TarStream {
 public:
  struct Options {
    uint64_t max_bytes = 0;  // of the uncompressed stream
    bool digest = false;
  };
  // `name` begins the errors.
  TarStream(int fd, std::string name, Options options);
  TarStream(const TarStream&) = delete;
  TarStream& operator=(const TarStream&) = delete;

  // The next entry, valid until the next call, or nullptr at the end.
  archive_entry* next();
  // The next piece of the entry's data; false at its end.
  bool read(const char** bytes, size_t* size, int64_t* offset);

  // Reads what is behind the last entry. Needed before digest() and ends_with_marker().
  void drain();
  std::string digest();
  // Whether the last block of 512 bytes is zero, as tar's end marker is.
  bool ends_with_marker() const;
  // Bytes of the compressed stream read so far.
  uint64_t consumed() const;

 private:
  struct Free {
    void operator()(archive* reader) const { archive_read_free(reader); }
  };
  static la_ssize_t pull(archive*, void* self, const void** bytes);
  la_ssize_t pull_block(const void** bytes);
  void remember_tail(const char* bytes, size_t size);
  [[noreturn]] void fail(archive* reader, const char* doing) const;

  std::string name_;
  Options options_;
  std::unique_ptr<archive, Free> raw_;
  std::unique_ptr<archive, Free> tar_;
  std::unique_ptr<Sha256> digest_;
  std::string tail_;
  uint64_t bytes_ = 0;
  std::string pull_error_;
};

}  // namespace caisson::image
