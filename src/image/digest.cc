// SPDX-License-Identifier: Apache-2.0

#include "image/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::image {
namespace {

constexpr size_t kReadBytes = 1U << 20;
constexpr size_t kSparseBlock = 64U << 10;

size_t read_at(int fd, char* buffer, size_t size, off_t offset, std::string_view name) {
  size_t have = 0;
  while (have < size) {
    const ssize_t got = ::pread(fd, buffer + have, size - have, offset + static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::system_error("cannot read", name);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  return have;
}

bool all_zero(const char* bytes, size_t size) {
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

std::string_view as_bytes(const uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1)
    throw base::Error("cannot start a SHA-256 digest");
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1)
    throw base::Error("cannot continue a SHA-256 digest");
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(state_->context, raw.data(), &size) != 1) throw base::Error("cannot finish a SHA-256 digest");
  return base::hex({reinterpret_cast<const char*>(raw.data()), size});
}

std::string sha256(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.finish();
}

std::string sha256_file(int fd, std::string_view name, const std::function<void(uint64_t)>& tick) {
  Sha256 digest;
  std::vector<char> buffer(kReadBytes);
  uint64_t so_far = 0;
  while (true) {
    const size_t got = read_at(fd, buffer.data(), buffer.size(), static_cast<off_t>(so_far), name);
    digest.update({buffer.data(), got});
    so_far += got;
    if (tick) tick(so_far);
    if (got < buffer.size()) return digest.finish();
  }
}

std::string sha256_file(const std::string& path) {
  const base::Fd file = base::open_file(path, O_RDONLY | O_NOFOLLOW);
  return sha256_file(file.get(), path);
}

std::string sparse_digest(const std::string& path) {
  const base::Fd file = base::open_file(path, O_RDONLY | O_NOFOLLOW);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw base::system_error("cannot look at", path);
  Sha256 digest;
  const auto size = static_cast<uint64_t>(info.st_size);
  digest.update(as_bytes(size));
  std::vector<char> buffer(kSparseBlock);
  off_t offset = 0;
  while (offset < info.st_size) {
    const off_t data = ::lseek(file.get(), offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // nothing but a hole up to the end
    if (data < 0 && errno != EINVAL) throw base::system_error("cannot look for data in", path);
    if (data > offset) offset = data - data % static_cast<off_t>(kSparseBlock);
    const size_t got = read_at(file.get(), buffer.data(), buffer.size(), offset, path);
    if (got == 0) break;
    if (!all_zero(buffer.data(), got)) {
      const uint64_t index = static_cast<uint64_t>(offset) / kSparseBlock;
      digest.update(as_bytes(index));
      digest.update({buffer.data(), got});
    }
    offset += static_cast<off_t>(kSparseBlock);
  }
  return digest.finish();
}

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace caisson::image
