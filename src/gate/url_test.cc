// SPDX-License-Identifier: Apache-2.0

#include "gate/url.h"

#include <gtest/gtest.h>

namespace caisson::gate {
namespace {

// "SCHEME HOST PORT", or "nothing".
std::string place(std::string_view url) {
  const auto found = place_of_url(url);
  return found ? found->scheme + " " + to_string(found->host) + " " + std::to_string(found->port) : "nothing";
}

TEST(Url, HasTheSchemesPortWhereItNamesNone) {
  EXPECT_EQ(place("http://a.example/x"), "http a.example 80");
  EXPECT_EQ(place("HTTPS://A.Example./x?y#z"), "https a.example 443");
  EXPECT_EQ(place("https://a.example"), "https a.example 443");
  EXPECT_EQ(place("https://a.example:/"), "https a.example 443");
  EXPECT_EQ(place("ssh://a.example"), "ssh a.example 22");
  EXPECT_EQ(place("git://a.example/r"), "git a.example 9418");
  EXPECT_EQ(place("other://a.example/r"), "other a.example 0");
}

TEST(Url, HasItsOwnPort) {
  EXPECT_EQ(place("https://a.example:8443/x"), "https a.example 8443");
  EXPECT_EQ(place("http://192.0.2.7:81?x"), "http 192.0.2.7 81");
  EXPECT_EQ(place("http://[2001:db8::7]:81/"), "http 2001:db8::7 81");
  EXPECT_EQ(place("http://[2001:db8::7]"), "http 2001:db8::7 80");
}

TEST(Url, LosesItsCredentials) {
  EXPECT_EQ(place("https://user:secret@a.example/x"), "https a.example 443");
  EXPECT_EQ(place("https://user:se@cret@a.example:81/x@y"), "https a.example 81");
}

TEST(Url, WhatIsNoneOrCanBeReadInTwoWaysIsNothing) {
  for (const std::string_view url : {"",
                                     "a.example",
                                     "https:/a.example",
                                     "https:a.example",
                                     "://a.example",
                                     "https://",
                                     "https:///x",
                                     "https://a.example:0/",
                                     "https://a.example:65536/",
                                     "https://a.example:8x/",
                                     "https://a b.example/",
                                     "https://a.example\\@b.example/",
                                     "https://a.example/\n",
                                     "https://${HOST}/",
                                     "https://127.1/",
                                     "https://[a.example]/",
                                     "https://[2001:db8::7/",
                                     "https://[2001:db8::7]x/",
                                     "https://2001:db8::7/",
                                     "https://*.example/",
                                     "https://%61.example/",
                                     "ht tp://a.example/"}) {
    EXPECT_EQ(place(url), "nothing") << url;
  }
  EXPECT_EQ(place("https://a.example/" + std::string(kMaxUrlBytes, 'x')), "nothing");
}

}  // namespace
}  // namespace caisson::gate
