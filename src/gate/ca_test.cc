// SPDX-License-Identifier: Apache-2.0

#include "gate/ca.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "gate/tls_stream.h"
#include "gate/x509.h"
#include "link/services.h"

namespace caisson::gate {
namespace {

using testing::HasSubstr;

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

class Authority : public testing::Test {
 protected:
  // The certificate that the authority answers with.
  X509Ptr leaf(LocalAuthority& authority, const std::string& host) {
    const SslPtr ssl(SSL_new(context.get()));
    authority.use(*ssl, host);
    X509* certificate = SSL_get_certificate(ssl.get());
    X509_up_ref(certificate);
    return X509Ptr(certificate);
  }
  std::string problem() const {
    try {
      const LocalAuthority authority(folder);
    } catch (const base::Error& error) {
      return error.problem();
    }
    return "";
  }

  base::TempFolder temp;
  std::string folder = temp.path() + "/ca";
  SslContextPtr context = tls_server_context();
};

TEST_F(Authority, IsMadeOnceAndReadAgain) {
  const std::string pem = LocalAuthority(folder).certificate_pem();
  EXPECT_THAT(pem, testing::StartsWith("-----BEGIN CERTIFICATE-----\n"));
  EXPECT_EQ(LocalAuthority(folder).certificate_pem(), pem);
}

TEST_F(Authority, KeepsItsKeyToTheUser) {
  const LocalAuthority authority(folder);
  EXPECT_EQ(mode_of(folder), 0700U);
  EXPECT_EQ(mode_of(folder + "/key.pem"), 0600U);
  EXPECT_EQ(mode_of(folder + "/certificate.pem"), 0644U);
  EXPECT_EQ(authority.certificate_pem().find("PRIVATE"), std::string::npos);
}

TEST_F(Authority, IsFoundByOpensslInAFolderUnderItsHash) {
  LocalAuthority authority(folder);
  base::write_file_atomic(temp.path() + "/" + authority.for_guests().subject_hash + ".0", authority.certificate_pem(),
                          0644);
  const SslContextPtr client(SSL_CTX_new(TLS_client_method()));
  ASSERT_EQ(SSL_CTX_load_verify_dir(client.get(), temp.path().c_str()), 1);
  X509_STORE_CTX* check = X509_STORE_CTX_new();
  const X509Ptr certificate = leaf(authority, "example.com");
  ASSERT_EQ(X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(client.get()), certificate.get(), nullptr), 1);
  EXPECT_EQ(X509_verify_cert(check), 1) << X509_verify_cert_error_string(X509_STORE_CTX_get_error(check));
  X509_STORE_CTX_free(check);
}

TEST_F(Authority, FitsIntoAConfiguration) {
  EXPECT_LE(LocalAuthority(folder).certificate_pem().size(), link::kCertificateBytes);
}

TEST_F(Authority, RefusesAKeyThatOthersCanRead) {
  (void)LocalAuthority(folder);
  ASSERT_EQ(::chmod((folder + "/key.pem").c_str(), 0640), 0);
  EXPECT_THAT(problem(), HasSubstr("key.pem' is not usable: others than its owner can use it"));
}

TEST_F(Authority, RefusesFilesThatDoNotBelongTogether) {
  (void)LocalAuthority(folder);
  base::write_file_atomic(folder + "/key.pem", to_pem(*new_key()), 0600);
  EXPECT_THAT(problem(), HasSubstr("it is not the certificate's key"));
  base::write_file_atomic(folder + "/key.pem", "rubbish", 0600);
  EXPECT_THAT(problem(), HasSubstr("there is no key in it"));
}

TEST_F(Authority, IsMadeAnewWhereItsCertificateIsMissing) {
  const std::string pem = LocalAuthority(folder).certificate_pem();
  std::filesystem::remove(folder + "/certificate.pem");
  EXPECT_NE(LocalAuthority(folder).certificate_pem(), pem);
}

TEST_F(Authority, IsTheSameForAllThatMakeItAtOnce) {
  std::vector<std::string> made(4);
  {
    std::vector<std::jthread> threads;
    for (std::string& pem : made) threads.emplace_back([&] { pem = LocalAuthority(folder).certificate_pem(); });
  }
  EXPECT_THAT(made, testing::Each(made.front()));
}

TEST_F(Authority, IssuesCertificatesOfServersOnly) {
  LocalAuthority authority(folder);
  const X509Ptr own = certificate_from_pem(authority.certificate_pem());
  EXPECT_EQ(X509_check_ca(own.get()), 1);
  EXPECT_EQ(X509_get_pathlen(own.get()), 0);
  EXPECT_EQ(X509_get_key_usage(own.get()), static_cast<uint32_t>(KU_KEY_CERT_SIGN));
  const X509Ptr issued = leaf(authority, "a.com");
  EXPECT_EQ(X509_check_ca(issued.get()), 0);
  EXPECT_EQ(X509_get_extended_key_usage(issued.get()), static_cast<uint32_t>(XKU_SSL_SERVER));
  EXPECT_EQ(X509_verify(issued.get(), X509_get0_pubkey(own.get())), 1);
}

TEST_F(Authority, IssuesForTheNameOrAddressAlone) {
  LocalAuthority authority(folder);
  const X509Ptr named = leaf(authority, "a.com");
  EXPECT_EQ(X509_check_host(named.get(), "a.com", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(named.get(), "b.a.com", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(leaf(authority, "192.0.2.7").get(), "192.0.2.7", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(leaf(authority, "2001:db8::7").get(), "2001:db8::7", 0), 1);
  const std::string long_name = std::string(60, 'a') + "." + std::string(60, 'b') + ".com";
  EXPECT_EQ(X509_check_host(leaf(authority, long_name).get(), long_name.c_str(), 0, 0, nullptr), 1);
}

TEST_F(Authority, IssuesForAWeekFromYesterday) {
  LocalAuthority authority(folder);
  const X509Ptr issued = leaf(authority, "a.com");
  int days = 0;
  int seconds = 0;
  ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(issued.get()), X509_get0_notAfter(issued.get())), 1);
  EXPECT_EQ(days, 8);
  EXPECT_LT(X509_cmp_current_time(X509_get0_notBefore(issued.get())), 0);
}

TEST_F(Authority, KeepsABoundedNumberOfCertificates) {
  LocalAuthority authority(folder);
  const X509Ptr first = leaf(authority, "first.com");
  for (size_t i = 1; i < LocalAuthority::kMostLeaves; ++i) (void)leaf(authority, std::to_string(i) + ".com");
  EXPECT_EQ(leaf(authority, "first.com"), first);  // the same object, and the latest used again
  (void)leaf(authority, "one-more.com");
  EXPECT_EQ(leaf(authority, "first.com"), first);
  for (size_t i = 0; i < LocalAuthority::kMostLeaves; ++i) (void)leaf(authority, "more" + std::to_string(i) + ".com");
  EXPECT_NE(leaf(authority, "first.com"), first);
}

}  // namespace
}  // namespace caisson::gate
