// SPDX-License-Identifier: Apache-2.0

#include "guest/trust.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "guest/files.h"

namespace caisson::guest {
namespace {

// Debian, Alpine and Arch; Fedora; openSUSE. None is a link.
constexpr std::array kBundles = {"/etc/ssl/certs/ca-certificates.crt",
                                 "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                 "/var/lib/ca-certificates/ca-bundle.pem"};
constexpr std::string_view kPlaceBegins = "\n# Caisson: the authorities of this sandbox's network\n";
constexpr std::string_view kPlaceEnds = "# Caisson: end\n";
constexpr size_t kPlaceStep = 2048;
constexpr size_t kLargestPlace = kPlaceStep + link::kMostAuthorities * link::kCertificateBytes;

// update-ca-certificates(8) reads the first and makes the others like it: what we link is what it would.
constexpr const char* kLocalCertificates = "/usr/local/share/ca-certificates";
constexpr const char* kCertificates = "/etc/ssl/certs";
constexpr const char* kFedoraAnchor = "/etc/pki/ca-trust/source/anchors/caisson.pem";

void make_folder(const char* path) {
  if (::mkdir(path, 0755) != 0 && errno != EEXIST) throw base::system_error("cannot make the folder", path);
}

void make_link(const char* target, const std::string& path) {
  if (::symlink(target, path.c_str()) != 0 && errno != EEXIST) throw base::system_error("cannot make the link", path);
}

// In the root file system, which may have no such folder, or may be full. A link of an earlier start may lead to
// another authority's file by now; a file is the image's.
void try_link(const char* target, const std::string& path) {
  if (::symlink(target, path.c_str()) == 0 || errno != EEXIST) return;
  std::array<char, 256> now{};
  const ssize_t length = ::readlink(path.c_str(), now.data(), now.size());
  if (length < 0) return;
  const std::string_view old(now.data(), static_cast<size_t>(length));
  if (old == target || old.find("caisson-") == std::string_view::npos || ::unlink(path.c_str()) != 0) return;
  if (::symlink(target, path.c_str()) != 0) return;  // the disk is full
}

bool is_folder(const char* path) {
  struct stat info {};
  return ::stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

// Of the machine that made the template, or of its time. What leads to them from elsewhere leads nowhere then.
void forget_authorities(size_t count) {
  for (size_t number = 0; number < count; ++number)
    ::unlink((std::string(kTrustFolder) + "/caisson-" + std::to_string(number) + ".crt").c_str());
}

bool are_equal(const std::vector<link::Authority>& one, const std::vector<link::Authority>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const link::Authority& a, const link::Authority& b) {
                      return a.certificate == b.certificate && a.subject_hash == b.subject_hash;
                    });
}

// The first number that is free behind its hash in our folder: two of one name are told apart by it.
std::string hash_name(const link::Authority& authority) {
  for (int number = 0;; ++number) {
    std::string name = authority.subject_hash + "." + std::to_string(number);
    struct stat info {};
    if (::lstat((std::string(kTrustFolder) + "/certs/" + name).c_str(), &info) != 0) return name;
  }
}

// A file and a name for each, as update-ca-certificates(8) has it: it would leave out a file with two.
void link_certificate(size_t number, const std::string& hash_name) {
  const std::string name = "caisson-" + std::to_string(number);
  const std::string own = std::string(kTrustFolder) + "/" + name + ".crt";
  const std::string local = std::string(kLocalCertificates) + "/" + name + ".crt";
  try_link(own.c_str(), local);
  try_link(local.c_str(), std::string(kCertificates) + "/" + name + ".pem");
  if (hash_name.empty()) return;
  try_link((name + ".pem").c_str(), std::string(kCertificates) + "/" + hash_name);
  try_link(("../" + name + ".crt").c_str(), std::string(kTrustFolder) + "/certs/" + hash_name);
}

// Of the place at the end of a bundle of this size; its end, when there is none.
off_t beginning_of_place(int bundle, off_t size) {
  const auto length = static_cast<size_t>(std::min<off_t>(size, static_cast<off_t>(kLargestPlace)));
  std::string end(length, '\0');
  const off_t from = size - static_cast<off_t>(length);
  if (::pread(bundle, end.data(), length, from) != static_cast<ssize_t>(length) || !end.ends_with(kPlaceEnds))
    return size;
  const size_t found = end.rfind(kPlaceBegins);
  return found == std::string::npos ? size : from + static_cast<off_t>(found);
}

constexpr const char* kJavaIsTold = "/run/caisson/trust/java-is-told";

// apt(8) reads this before its own settings.
std::string apt_settings() {
  return "Acquire::https::CAInfo \"/dev/caisson/ca-bundle.crt\";\n";
}

// Returns the variables that every command needs.
std::vector<std::string> write_authorities(const std::vector<link::Authority>& authorities) {
  std::string all;
  for (size_t number = 0; number < authorities.size(); ++number) {
    const std::string& certificate = authorities[number].certificate;
    all += certificate;
    const std::string own = std::string(kTrustFolder) + "/caisson-" + std::to_string(number) + ".crt";
    replace_content(own.c_str(), certificate);
    link_certificate(number, hash_name(authorities[number]));
  }
  const std::string bundle = certificate_bundle();
  const bool in_bundle = !bundle.empty() && put_into_bundle(bundle, all);
  if (!replace_content(kTrustCertificates, all) || all.empty()) return {};
  std::vector<std::string> environment = {std::string("NODE_EXTRA_CA_CERTS=") + kTrustCertificates};
  if (in_bundle) {
    environment.push_back("REQUESTS_CA_BUNDLE=" + bundle);
    environment.push_back("SSL_CERT_FILE=" + bundle);
    environment.push_back("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=" + bundle);
  }
  return environment;
}

}  // namespace

void prepare_trust() {
  make_folder("/run/caisson");
  make_folder(kRuntimeFolder);
  make_link("/proc/1/exe", std::string(kRuntimeFolder) + "/runc");
  make_folder(kTrustFolder);
  const std::string trust = kTrustFolder;
  make_folder((trust + "/certs").c_str());
  if (!certificate_bundle().empty()) {
    replace_content((trust + "/ca-bundle.crt").c_str(), "");  // where a container has the bundle mounted
    replace_content((trust + "/apt.conf").c_str(), apt_settings());
  }
  ::mkdir(kLocalCertificates, 0755);
  link_certificate(0, "");
  try_link(kTrustCertificates, kFedoraAnchor);
  if (is_folder("/etc/sudoers.d"))
    replace_content("/etc/sudoers.d/caisson-trust",
                    "Defaults env_keep += \"NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE SSL_CERT_FILE "
                    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH\"\n");
}

const std::vector<std::string>& Trust::take(const link::Configure& configuration) {
  const std::vector<link::Authority>& authorities = configuration.authorities;
  // The first is the gate's own, which only shows where requests are judged.
  const bool java_is_told = configuration.requests_judged || authorities.size() > 1;
  if (!has_taken_ || java_is_told != java_is_told_) replace_content(kJavaIsTold, java_is_told ? "1" : "");
  java_is_told_ = java_is_told;
  if (has_taken_ && are_equal(authorities_, authorities)) return environment_;
  forget_authorities(authorities_.size());
  environment_ = write_authorities(authorities);
  authorities_ = authorities;
  has_taken_ = true;
  return environment_;
}

bool java_is_told() {
  struct stat info {};
  return ::stat(kJavaIsTold, &info) == 0 && info.st_size > 0;
}

std::string certificate_bundle() {
  for (const char* path : kBundles) {
    struct stat info {};
    if (::lstat(path, &info) == 0 && S_ISREG(info.st_mode)) return path;
  }
  return {};
}

bool put_into_bundle(const std::string& bundle, const std::string& certificates) {
  const base::Fd file(::open(bundle.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  const off_t at = beginning_of_place(file.get(), info.st_size);
  std::string place = std::string(kPlaceBegins) + certificates;
  const size_t steps = (place.size() + kPlaceEnds.size() + kPlaceStep - 1) / kPlaceStep;
  place.resize(steps * kPlaceStep - kPlaceEnds.size(), '\n');
  place += kPlaceEnds;
  const auto size = static_cast<off_t>(place.size());
  if (::pwrite(file.get(), place.data(), place.size(), at) != size) return false;
  return at + size >= info.st_size || ::ftruncate(file.get(), at + size) == 0;
}

}  // namespace caisson::guest
