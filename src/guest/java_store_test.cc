// SPDX-License-Identifier: Apache-2.0

#include "guest/java_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "base/text.h"
#include "guest/sha1.h"

namespace caisson::guest {
namespace {

using namespace std::string_literals;

std::string digest_of(std::string_view bytes) {
  std::string digest;
  for (const uint8_t byte : sha1(bytes)) digest += static_cast<char>(byte);
  return base::hex(digest);
}

TEST(Sha1, IsThatOfItsDescription) {
  // RFC 3174, section 7.3, and lengths around the end of a block (by sha1sum).
  EXPECT_EQ(digest_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(digest_of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(digest_of(std::string(55, 'x')), "cef734ba81a024479e09eb5a75b6ddae62e6abf1");
  EXPECT_EQ(digest_of(std::string(64, 'x')), "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163");
  EXPECT_EQ(digest_of(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

std::string pem(const std::string& base64) {
  return "-----BEGIN CERTIFICATE-----\n" + base64 + "\n-----END CERTIFICATE-----\n";
}

const std::string kFirst = pem("MAMCAQE=");     // 30 03 02 01 01
const std::string kSecond = pem("MAQC\nAgEA");  // 30 04 02 02 01 00

// As the JDK's JavaKeyStore reads it.
std::string body(const std::string& store) {
  return store.substr(0, store.size() - 20);
}

TEST(JavaStore, HasTheCertificatesOfTheBundle) {
  const std::string store = java_store("# one\n" + kFirst + "between\n" + kSecond);
  const std::string wanted = "\xFE\xED\xFE\xED\0\0\0\2\0\0\0\2"s +
                             "\0\0\0\2\0\x0B"
                             "authority-0\0\0\0\0\0\0\0\0\0\5X.509\0\0\0\5\x30\3\2\1\1"s +
                             "\0\0\0\2\0\x0B"
                             "authority-1\0\0\0\0\0\0\0\0\0\5X.509\0\0\0\6\x30\4\2\2\1\0"s;
  EXPECT_EQ(base::hex(body(store)), base::hex(wanted));
  EXPECT_EQ(base::hex(store.substr(wanted.size())),
            digest_of("\0c\0h\0a\0n\0g\0e\0i\0t"s + "Mighty Aphrodite" + wanted));
}

TEST(JavaStore, LeavesOutWhatIsNoCertificate) {
  const std::string none = java_store("");
  EXPECT_EQ(none.size(), 12U + 20U);
  for (const std::string& text :
       {pem("MAMC"), pem("!AMCAQE="), pem(""), pem("MAMCAQEB"), pem("MIQAAAAA"), pem("AAMCAQE="),
        "-----BEGIN CERTIFICATE-----\nMAMCAQE="s,
        "-----BEGIN TRUSTED CERTIFICATE-----\nMAMCAQE=\n-----END TRUSTED CERTIFICATE-----\n"s})
    EXPECT_EQ(java_store(text), none) << text;
  EXPECT_EQ(java_store(pem("MAMC") + kFirst), java_store(kFirst));
}

TEST(JavaStore, IsMadeAnewWhenTheBundleHasChanged) {
  const base::TempFolder folder;
  const std::string bundle = folder / "bundle.crt", store = folder / "java.jks";
  EXPECT_FALSE(refresh_java_store(bundle, store));
  const auto dated = [&](const std::string& content, time_t second) {
    base::write_file_atomic(bundle, content, 0644);
    const std::array<timespec, 2> times = {timespec{second, 5}, timespec{second, 5}};
    ASSERT_EQ(::utimensat(AT_FDCWD, bundle.c_str(), times.data(), 0), 0);
  };
  dated(kFirst, 1000);
  EXPECT_TRUE(refresh_java_store(bundle, store));
  EXPECT_EQ(base::read_file(store), java_store(kFirst));
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(::stat(store.c_str(), &before), 0);
  EXPECT_TRUE(refresh_java_store(bundle, store));
  ASSERT_EQ(::stat(store.c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
  // Also where the clock went back: a sandbox that thaws.
  dated(kSecond, 900);
  EXPECT_TRUE(refresh_java_store(bundle, store));
  EXPECT_EQ(base::read_file(store), java_store(kSecond));
}

}  // namespace
}  // namespace caisson::guest
