// SPDX-License-Identifier: Apache-2.0

#include "image/tar_stream.h"

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

namespace caisson::image {
namespace {

constexpr size_t kReadBytes = 256U << 10;
constexpr size_t kTarBlock = 512;

// No archive_read_support_filter_all(): it has filters (lrzip, grzip, lzop) that start programs.
void support_filters(archive* reader) {
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_bzip2(reader);
  archive_read_support_filter_xz(reader);
  archive_read_support_filter_lzma(reader);
  archive_read_support_filter_lz4(reader);
  archive_read_support_filter_zstd(reader);
  archive_read_support_filter_compress(reader);
}

}  // namespace

TarStream::TarStream(int fd, std::string name, Options options)
    : name_(std::move(name)), options_(options), raw_(archive_read_new()), tar_(archive_read_new()) {
  if (!raw_ || !tar_) throw base::Error("cannot start to read " + base::in_quotes(name_));
  if (options_.digest) digest_ = std::make_unique<Sha256>();
  support_filters(raw_.get());
  archive_read_support_format_raw(raw_.get());
  archive_read_support_format_tar(tar_.get());
  if (archive_read_open_fd(raw_.get(), fd, kReadBytes) != ARCHIVE_OK) fail(raw_.get(), "cannot read");
  archive_entry* whole = nullptr;
  const int got = archive_read_next_header(raw_.get(), &whole);
  if (got == ARCHIVE_EOF) throw base::Error("the archive " + base::in_quotes(name_) + " is empty");
  if (got != ARCHIVE_OK && got != ARCHIVE_WARN) fail(raw_.get(), "cannot read");
  if (archive_read_open(tar_.get(), this, nullptr, &TarStream::pull, nullptr) != ARCHIVE_OK)
    fail(tar_.get(), "cannot read the tar");
}

void TarStream::fail(archive* reader, const char* doing) const {
  if (!pull_error_.empty()) throw base::Error(pull_error_);
  const char* reason = archive_error_string(reader);
  throw base::Error(std::string(doing) + " " + base::in_quotes(name_) + ": " +
                        base::escaped(reason == nullptr ? "unknown error" : reason),
                    "is it a complete tar archive?");
}

la_ssize_t TarStream::pull(archive*, void* self, const void** bytes) {
  auto* stream = static_cast<TarStream*>(self);
  try {
    return stream->pull_block(bytes);
  } catch (const std::exception& error) {  // must not pass through libarchive's C code
    stream->pull_error_ = error.what();
    archive_set_error(stream->tar_.get(), EIO, "%s", error.what());
    return -1;
  }
}

la_ssize_t TarStream::pull_block(const void** bytes) {
  size_t size = 0;
  la_int64_t offset = 0;
  do {
    const int got = archive_read_data_block(raw_.get(), bytes, &size, &offset);
    if (got == ARCHIVE_EOF) return 0;
    if (got != ARCHIVE_OK && got != ARCHIVE_WARN) fail(raw_.get(), "cannot read");
  } while (size == 0);
  bytes_ += size;
  if (bytes_ > options_.max_bytes)
    throw base::Error("the archive " + base::in_quotes(name_) + " is larger than " +
                      base::to_string(base::Bytes{options_.max_bytes}) + " uncompressed");
  const auto* start = static_cast<const char*>(*bytes);
  if (digest_) digest_->update({start, size});
  remember_tail(start, size);
  return static_cast<la_ssize_t>(size);
}

void TarStream::remember_tail(const char* bytes, size_t size) {
  const size_t part = std::min(size, kTarBlock);
  tail_.append(bytes + size - part, part);
  if (tail_.size() > kTarBlock) tail_.erase(0, tail_.size() - kTarBlock);
}

archive_entry* TarStream::next() {
  archive_entry* entry = nullptr;
  const int got = archive_read_next_header(tar_.get(), &entry);
  if (got == ARCHIVE_EOF) return nullptr;
  if (got != ARCHIVE_OK && got != ARCHIVE_WARN) fail(tar_.get(), "cannot read the tar");
  return entry;
}

bool TarStream::read(const char** bytes, size_t* size, int64_t* offset) {
  const void* block = nullptr;
  la_int64_t at = 0;
  const int got = archive_read_data_block(tar_.get(), &block, size, &at);
  if (got == ARCHIVE_EOF) return false;
  if (got != ARCHIVE_OK && got != ARCHIVE_WARN) fail(tar_.get(), "cannot read the tar");
  *bytes = static_cast<const char*>(block);
  *offset = at;
  return true;
}

void TarStream::drain() {
  const void* bytes = nullptr;
  while (pull_block(&bytes) > 0) {
  }
}

std::string TarStream::digest() {
  return digest_->finish();
}

bool TarStream::ends_with_marker() const {
  return tail_.size() == kTarBlock && tail_.find_first_not_of('\0') == std::string::npos;
}

uint64_t TarStream::consumed() const {
  const la_int64_t bytes = archive_filter_bytes(raw_.get(), -1);
  return bytes < 0 ? 0 : static_cast<uint64_t>(bytes);
}

}  // namespace caisson::image
