// SPDX-License-Identifier: Apache-2.0

#include "gate/x509.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>

#include "base/error.h"
#include "base/random.h"
#include "gate/address.h"
#include "gate/tls_stream.h"

namespace caisson::gate {
namespace {

constexpr int64_t kDay = int64_t{24} * 3600;
constexpr size_t kMaxCommonName = 64;  // RFC 5280, appendix A.1: ub-common-name
constexpr size_t kMaxPemBytes = 65536;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;

void check(bool done) {
  if (!done) throw base::Error("cannot make a certificate: " + tls_problem());
}

std::string text_of(BIO& bio) {
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(&bio, &data));
  return {data, size};
}

BioPtr bio_of(const std::string& text) {
  if (text.size() > kMaxPemBytes) throw base::Error("a file of the authority is too large");
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  check(bio != nullptr);
  return bio;
}

void set_random_serial(X509& certificate) {
  // RFC 5280, section 4.1.2.2: positive, at most 20 bytes.
  const std::string bytes = base::random_bytes(16);
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr),
      BN_free);
  check(number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr);
}

void set_name(X509& certificate, const std::string& name) {
  if (name.empty()) return;
  check(X509_NAME_add_entry_by_txt(X509_get_subject_name(&certificate), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()),
                                   -1, 0) == 1);
}

void add_extension(X509& certificate, X509& issuer, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()), X509_EXTENSION_free);
  check(extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1);
}

struct Form {
  std::string name;
  int64_t from_seconds;  // from now
  int64_t to_seconds;
};

X509Ptr new_certificate(EVP_PKEY& key, const Form& form) {
  X509Ptr certificate(X509_new());
  check(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  set_random_serial(*certificate);
  set_name(*certificate, form.name);
  check(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), form.from_seconds) != nullptr);
  check(X509_gmtime_adj(X509_getm_notAfter(certificate.get()), form.to_seconds) != nullptr);
  check(X509_set_pubkey(certificate.get(), &key) == 1);
  return certificate;
}

}  // namespace

KeyPtr new_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  check(key != nullptr);
  return key;
}

std::string to_pem(const X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  check(bio != nullptr && PEM_write_bio_X509(bio.get(), &certificate) == 1);
  return text_of(*bio);
}

std::string to_pem(const EVP_PKEY& key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  check(bio != nullptr && PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(*bio);
}

X509Ptr certificate_from_pem(const std::string& pem) {
  X509Ptr certificate(PEM_read_bio_X509(bio_of(pem).get(), nullptr, nullptr, nullptr));
  if (!certificate) throw base::Error("there is no certificate in it: " + tls_problem());
  return certificate;
}

KeyPtr key_from_pem(const std::string& pem) {
  // Not the function's default, which asks on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  KeyPtr key(PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, no_password, nullptr));
  if (!key) throw base::Error("there is no key in it: " + tls_problem());
  return key;
}

std::string subject_hash(const X509& certificate) {
  std::array<char, 9> digits{};
  // It changes nothing of the certificate, but caches in it.
  const unsigned long hash = X509_subject_name_hash(const_cast<X509*>(&certificate));
  std::snprintf(digits.data(), digits.size(), "%08lx", hash & 0xFFFFFFFFUL);
  return digits.data();
}

// Not name-constrained: it has to issue for whatever name a user's rules speak of. It issues no other authorities
// (pathlen 0) and certificates of servers only.
X509Ptr new_authority(EVP_PKEY& key, const std::string& name) {
  X509Ptr certificate = new_certificate(key, {.name = name, .from_seconds = -kDay, .to_seconds = 3652 * kDay});
  check(X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) == 1);
  add_extension(*certificate, *certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(*certificate, *certificate, NID_key_usage, "critical,keyCertSign");
  add_extension(*certificate, *certificate, NID_ext_key_usage, "serverAuth");
  add_extension(*certificate, *certificate, NID_subject_key_identifier, "hash");
  check(X509_sign(certificate.get(), &key, EVP_sha256()) != 0);
  return certificate;
}

X509Ptr new_server_certificate(EVP_PKEY& key, const std::string& host, X509& issuer, EVP_PKEY& issuer_key) {
  const bool short_name = host.size() <= kMaxCommonName;
  X509Ptr certificate =
      new_certificate(key, {.name = short_name ? host : "", .from_seconds = -kDay, .to_seconds = 7 * kDay});
  check(X509_set_issuer_name(certificate.get(), X509_get_subject_name(&issuer)) == 1);
  add_extension(*certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(*certificate, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(*certificate, issuer, NID_ext_key_usage, "serverAuth");
  // Host names have no comma or colon (host_name.h), which would begin another entry.
  const std::string names = (IpAddress::parse(host) ? "IP:" : "DNS:") + host;
  // RFC 5280, section 4.2.1.6: critical where it alone names the subject.
  add_extension(*certificate, issuer, NID_subject_alt_name, short_name ? names : "critical," + names);
  add_extension(*certificate, issuer, NID_authority_key_identifier, "keyid:always");
  check(X509_sign(certificate.get(), &issuer_key, EVP_sha256()) != 0);
  return certificate;
}

}  // namespace caisson::gate
