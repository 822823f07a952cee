// SPDX-License-Identifier: Apache-2.0

// The images on this machine.
//
//   cache/images/DIGEST.erofs      a root file system; DIGEST is the SHA-256 of the file. Never changed once it is
//   there cache/images/names/NAME.json   a name for one of them, and what is known about it (ImageRecord)
//   cache/images/lock              held while names or files are added or removed
//
// Names and files appear and change by rename, so reading needs no lock. All functions throw base::Error and are safe
// with other processes at the same time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "image/image_config.h"

namespace caisson::image {

struct ImageRecord {
  std::string name;  // "" for a file that no name points to any more
  std::string digest;
  base::Bytes size;
  std::string created;  // UTC, "2026-11-20T19:05:11Z"
  std::string source;   // "debian bookworm", "directory /srv/root", "oci:/x", "docker://…"
  bool has_dockerd = false;
  std::string recipe;  // digest of the recipe for images that Caisson builds itself, else ""
  ImageConfig config;
};

base::Json to_json(const ImageRecord& record);

// A name's record that cannot be read: damaged, or of another version.
class BadRecord : public base::Error {
 public:
  // `name`: "" where the file's name is none of an image.
  BadRecord(std::string name, const std::string& path, const base::Error& error);
  const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
};

// What verify() found about one file, or about a record that cannot be read.
struct ImageCheck {
  ImageRecord record;
  bool intact = false;
  std::string problem;  // "" when intact
};

class ImageStore {
 public:
  // `cache`: base::cache_folder(), or a test's folder.
  explicit ImageStore(std::string cache);

  // By name, or by digest or the beginning of one (at least 6 digits, "sha256:" allowed before it). Nothing when there
  // is no such image, or its file is gone. An ambiguous beginning is an Error, and so is a name with a BadRecord.
  std::optional<ImageRecord> find(std::string_view name_or_digest) const;
  // The same, but nothing found is an Error that says how to get an image.
  ImageRecord require(std::string_view name_or_digest) const;
  // Sorted by name, nameless files last. Without those whose record cannot be read: these come into `bad`.
  std::vector<ImageRecord> list(std::vector<BadRecord>* bad = nullptr) const;

  // Moves `file` (an EROFS file in the same cache, complete) into the store under its digest and points record.name at
  // it; digest, size and created are filled in. A name that was there before points to the new image afterwards. `tick`
  // is told the bytes digested so far.
  ImageRecord add(ImageRecord record, const std::string& file, const std::function<void(uint64_t)>& tick = {});

  // `in_use(digest)` returns what uses an image ("the sandbox 'web'"), or "".
  using InUse = std::function<std::string(const std::string& digest)>;
  // Forgets a name; its file goes too unless another name has it. An image in use is not removed (Error).
  // A nameless file is removed by the beginning of its digest. Returns the record that is gone; of one that could not
  // be read, the name alone: its file stays, nameless.
  ImageRecord remove(std::string_view name_or_digest, const InUse& in_use);
  // Removes nameless files that nobody uses; returns the digests that are gone. Throws a BadRecord, where there is one,
  // before anything is removed: a nameless file may be that one's.
  std::vector<std::string> prune(const InUse& in_use);

  // Recomputes the digest of each file.
  std::vector<ImageCheck> verify(const std::function<void(const ImageRecord&, uint64_t)>& tick = {}) const;

  std::string path_of(const std::string& digest) const;
  const std::string& cache() const { return cache_; }

 private:
  std::optional<ImageRecord> read_name(const std::string& name) const;
  base::FileLock lock() const;
  std::string remove_file_if_nameless(const std::string& digest) const;

  std::string cache_;
  std::string folder_;
  std::string names_;
};

// Letters, digits, '_', '.', '-', '/', ':' after a letter or digit, at most 128 bytes, no "..". Throws.
void validate_image_name(std::string_view name);

// Now, in UTC, as records have it.
std::string timestamp();

}  // namespace caisson::image
