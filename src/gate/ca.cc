// SPDX-License-Identifier: Apache-2.0

#include "gate/ca.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "gate/tls_stream.h"
#include "gate/x509.h"

namespace caisson::gate {
namespace {

// A keeper may live for months; a leaf's certificate is for a week.
constexpr auto kLeafAge = std::chrono::hours(24);
constexpr int64_t kLeastValidSeconds = 30LL * 24 * 3600;

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "this machine";
  return name.data();
}

base::Error unusable(const std::string& path, const std::string& why) {
  return base::Error("the authority's file " + base::in_quotes(path) + " is not usable: " + why,
                     "remove the folder 'ca' around it: it is made anew, and sandboxes have to be started again");
}

std::string read_key(const std::string& path) {
  const base::Fd file = base::open_file(path, O_RDONLY | O_NOFOLLOW);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw base::system_error("cannot look at", path);
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    throw unusable(path, "others than its owner can use it");
  return base::read_all(file.get(), 65536, path);
}

bool expires_soon(const X509& certificate) {
  time_t soon = ::time(nullptr) + kLeastValidSeconds;
  return X509_cmp_time(X509_get0_notAfter(&certificate), &soon) <= 0;
}

}  // namespace

LocalAuthority::LocalAuthority(const std::string& folder) : leaf_key_(new_key()) {
  base::make_folders(folder);
  const base::FileLock lock = base::FileLock::acquire(folder + "/lock");
  const std::string key_path = folder + "/key.pem";
  const std::string certificate_path = folder + "/certificate.pem";
  // The key is written first: where there is a certificate, its key is there.
  if (const auto pem = base::read_file_if_exists(certificate_path, 65536)) {
    try {
      certificate_ = certificate_from_pem(*pem);
      key_ = key_from_pem(read_key(key_path));
    } catch (const base::Error& error) {
      if (!error.hint().empty()) throw;
      throw unusable(folder, error.problem());
    }
    if (X509_check_private_key(certificate_.get(), key_.get()) != 1)
      throw unusable(key_path, "it is not the certificate's key (" + tls_problem() + ")");
  }
  if (!certificate_ || expires_soon(*certificate_)) {
    key_ = new_key();
    certificate_ = new_authority(*key_, "Caisson local CA (" + host_name().substr(0, 40) + ")");
    // No moment with a certificate and another key.
    ::unlink(certificate_path.c_str());
    base::write_file_atomic(key_path, to_pem(*key_), 0600);
    base::write_file_atomic(certificate_path, to_pem(*certificate_), 0644);
  }
  certificate_pem_ = to_pem(*certificate_);
}

std::string LocalAuthority::folder_of_this_machine() {
  return base::data_folder() + "/ca";
}

link::Authority LocalAuthority::for_guests() const {
  return {.certificate = certificate_pem_, .subject_hash = subject_hash(*certificate_)};
}

void LocalAuthority::use(SSL& ssl, const std::string& host) {
  if (SSL_use_certificate(&ssl, &leaf(host)) != 1 || SSL_use_PrivateKey(&ssl, leaf_key_.get()) != 1)
    throw base::Error("cannot answer as " + base::in_quotes(host) + ": " + tls_problem());
}

X509& LocalAuthority::leaf(const std::string& host) {
  const auto now = std::chrono::steady_clock::now();
  const auto known = by_host_.find(host);
  if (known != by_host_.end()) {
    leaves_.splice(leaves_.begin(), leaves_, known->second);
    Leaf& found = leaves_.front();
    if (now - found.made > kLeafAge) {
      found.certificate = make_leaf(host);
      found.made = now;
    }
    return *found.certificate;
  }
  leaves_.push_front({.host = host, .certificate = make_leaf(host), .made = now});
  by_host_.emplace(host, leaves_.begin());
  if (leaves_.size() > kMostLeaves) {
    by_host_.erase(leaves_.back().host);
    leaves_.pop_back();
  }
  return *leaves_.front().certificate;
}

X509Ptr LocalAuthority::make_leaf(const std::string& host) const {
  return new_server_certificate(*leaf_key_, host, *certificate_, *key_);
}

}  // namespace caisson::gate
