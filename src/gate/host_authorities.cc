// SPDX-License-Identifier: Apache-2.0

#include "gate/host_authorities.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "gate/x509.h"

namespace caisson::gate {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 1000;
constexpr size_t kFileBytes = 64U << 10;

bool is_certificate_name(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".crt" || extension == ".pem" || extension == ".cer";
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::end(entry) && files.size() < kMostFiles; entry.increment(error)) {
    std::error_code unknown;
    if (is_certificate_name(entry->path()) && entry->is_regular_file(unknown)) files.push_back(entry->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<link::Authority> authority_of(const std::string& path) {
  try {
    const X509Ptr certificate = certificate_from_pem(base::read_file(path, kFileBytes));
    if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) <= 0) return std::nullopt;
    link::Authority authority{.certificate = to_pem(*certificate), .subject_hash = subject_hash(*certificate)};
    if (authority.certificate.size() > link::kCertificateBytes) return std::nullopt;
    return authority;
  } catch (const base::Error&) {
    return std::nullopt;  // not PEM, or not for this user's eyes
  }
}

}  // namespace

std::vector<link::Authority> authorities_in(const std::vector<std::string>& folders) {
  std::vector<link::Authority> authorities;
  for (const std::string& folder : folders) {
    for (const std::string& path : files_in(folder)) {
      if (authorities.size() + 1 >= link::kMostAuthorities) return authorities;
      if (auto authority = authority_of(path)) authorities.push_back(std::move(*authority));
    }
  }
  return authorities;
}

std::vector<link::Authority> host_authorities() {
  return authorities_in({"/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors"});
}

std::vector<link::Authority> authorities_for_guests(const LocalAuthority& own) {
  std::vector<link::Authority> authorities = host_authorities();
  authorities.insert(authorities.begin(), own.for_guests());
  return authorities;
}

}  // namespace caisson::gate
