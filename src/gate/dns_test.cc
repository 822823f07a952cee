// SPDX-License-Identifier: Apache-2.0

#include "gate/dns.h"

#include <gtest/gtest.h>

using namespace std::string_literals;

namespace caisson::gate {
namespace {

using namespace std::chrono_literals;

const std::string kQuestionName = "\7example\3com\0"s;
const std::string kOpt1232 = "\0\0\x29\x04\xd0\0\0\0\0\0\0"s;

// A query of one question: the name in wire form, the type, and what is behind.
std::string query_bytes(const std::string& name, uint16_t type, const std::string& additional = {}) {
  std::string out = "\x12\x34\x01\x00\0\1\0\0\0\0\0"s + static_cast<char>(additional.empty() ? 0 : 1) + name;
  out += static_cast<char>(type >> 8);
  out += static_cast<char>(type);
  return out + "\0\1"s + additional;
}

DnsQuery query(uint16_t type, const std::string& additional = {}, const std::string& name = kQuestionName) {
  const DnsRequest request = parse_query(query_bytes(name, type, additional));
  EXPECT_TRUE(request.query);
  return request.query.value_or(DnsQuery());
}

// The code of what a message is answered with at once; -1: it is a query, -2: it is not answered.
int code_of(const std::string& message) {
  const DnsRequest request = parse_query(message);
  if (request.query) return -1;
  if (!request.answer) return -2;
  EXPECT_EQ(request.answer->substr(0, 2), message.substr(0, 2));
  EXPECT_NE(static_cast<uint8_t>((*request.answer)[2]) & 0x80, 0);
  return (*request.answer)[3] & 15;
}

TEST(ParseQuery, ReadsTheQuestion) {
  const DnsQuery plain = query(kTypeA);
  EXPECT_EQ(plain.id, 0x1234);
  EXPECT_TRUE(plain.recursion_desired);
  EXPECT_EQ(plain.name, "example.com");
  EXPECT_EQ(plain.type, kTypeA);
  EXPECT_EQ(plain.question, kQuestionName + "\0\1\0\1"s);
  EXPECT_FALSE(plain.has_edns);
  EXPECT_EQ(plain.udp_bytes, 512);
  EXPECT_EQ(query(kTypeA, {}, "\7eXample\3COM\0"s).name, "example.com");
  EXPECT_EQ(query(kTypeNs, {}, "\0"s).name, "");
}

TEST(ParseQuery, ReadsEdns) {
  EXPECT_TRUE(query(kTypeA, kOpt1232).has_edns);
  EXPECT_EQ(query(kTypeA, kOpt1232).udp_bytes, 1232);
  EXPECT_EQ(query(kTypeA, "\0\0\x29\0\1\0\0\0\0\0\0"s).udp_bytes, 512);
  EXPECT_EQ(query(kTypeA, "\0\0\x29\xff\xff\0\0\x80\0\0\0"s).udp_bytes, 4096);
  EXPECT_TRUE(query(kTypeA, "\0\0\x29\x04\xd0\0\0\0\0\0\6\0\x0a\0\2ab"s).has_edns);
}

TEST(ParseQuery, ShowsBytesThatNoHostNameHas) {
  EXPECT_EQ(query(kTypeA, {}, "\5a.b c\1\\\2\0\xff\0"s).name, "a\\046b\\032c.\\092.\\000\\255");
}

TEST(ParseQuery, DoesNotAnswerWhatIsNoQuery) {
  EXPECT_EQ(code_of(""), -2);
  EXPECT_EQ(code_of("\x12\x34\x01\0\0\1\0\0\0\0\0"s), -2);      // 11 bytes
  EXPECT_EQ(code_of("\x12\x34\x81\x80\0\1\0\0\0\0\0\0"s), -2);  // an answer
}

TEST(ParseQuery, AnswersWhatItDoesNotUnderstand) {
  const std::string good = query_bytes(kQuestionName, kTypeA);
  auto changed = [&](size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return bytes;
  };
  EXPECT_EQ(code_of(good), -1);
  EXPECT_EQ(code_of(changed(2, 0x29)), 4);  // opcode UPDATE
  EXPECT_EQ(code_of(changed(2, 0x11)), 4);  // opcode STATUS
  EXPECT_EQ(code_of(changed(5, 0)), 1);     // no question
  EXPECT_EQ(code_of(changed(5, 2)), 1);
  EXPECT_EQ(code_of(changed(4, 1)), 1);  // 257 questions
  EXPECT_EQ(code_of(changed(7, 1)), 1);  // an answer
  EXPECT_EQ(code_of(changed(9, 1)), 1);
  EXPECT_EQ(code_of(changed(11, 1)), 1);  // an additional record that is not there
  EXPECT_EQ(code_of(good + "x"), 1);
  EXPECT_EQ(code_of(good.substr(0, good.size() - 1)), 1);
  EXPECT_EQ(code_of(changed(good.size() - 1, 3)), 5);  // class CHAOS
  EXPECT_EQ(code_of(query_bytes(kQuestionName, 0)), 1);
  EXPECT_EQ(code_of(query_bytes(kQuestionName, kTypeOpt)), 1);
}

TEST(ParseQuery, HasBoundsForNames) {
  const std::string label63 = "\x3f" + std::string(63, 'a');
  EXPECT_EQ(code_of(query_bytes(label63 + "\0"s, kTypeA)), -1);
  EXPECT_EQ(code_of(query_bytes("\x40" + std::string(64, 'a') + "\0"s, kTypeA)), 1);
  const std::string longest = label63 + label63 + label63 + "\x3d" + std::string(61, 'a') + "\0"s;  // 255 bytes
  EXPECT_EQ(code_of(query_bytes(longest, kTypeA)), -1);
  EXPECT_EQ(code_of(query_bytes(label63 + label63 + label63 + "\x3e" + std::string(62, 'a') + "\0"s, kTypeA)), 1);
  EXPECT_EQ(code_of(query_bytes(kQuestionName, kTypeA, std::string(5000, 'a'))), 1);
}

TEST(ParseQuery, TakesNoPointers) {
  for (const std::string& name :
       {"\xc0\x0c"s, "\xc0\0"s, "\1a\xc0\x0c"s, "\1a\xc0\x0e"s, "\xff\xff"s, "\1a\xc0\x05"s, "\x80\1a\0"s}) {
    EXPECT_EQ(code_of(query_bytes(name, kTypeA)), 1);
  }
}

TEST(ParseQuery, TakesOneOptRecordBehindTheQuestion) {
  const std::string good = query_bytes(kQuestionName, kTypeA, kOpt1232);
  EXPECT_EQ(code_of(good), -1);
  EXPECT_EQ(code_of(query_bytes(kQuestionName, kTypeA, "\1a\0\0\x29\x04\xd0\0\0\0\0\0\0"s)), 1);       // with a name
  EXPECT_EQ(code_of(query_bytes(kQuestionName, kTypeA, "\0\0\x01\0\1\0\0\0\0\0\4\1\2\3\4"s)), 1);      // an address
  EXPECT_EQ(code_of(query_bytes(kQuestionName, kTypeA, "\0\0\x29\x04\xd0\0\0\0\0\0\3\0\x0a\0"s)), 1);  // half an option
  EXPECT_EQ(code_of(query_bytes(kQuestionName, kTypeA, "\0\0\x29\x04\xd0\0\0\0\0\0\4\0\x0a\0\1"s)), 1);  // past its end
  EXPECT_EQ(code_of(query_bytes(kQuestionName, kTypeA, kOpt1232 + kOpt1232)), 1);
  std::string two = query_bytes(kQuestionName, kTypeA, kOpt1232 + kOpt1232);
  two[11] = 2;
  EXPECT_EQ(code_of(two), 1);
  const DnsRequest version = parse_query(query_bytes(kQuestionName, kTypeA, "\0\0\x29\x04\xd0\0\1\0\0\0\0"s));
  ASSERT_TRUE(version.answer);
  EXPECT_TRUE(version.answer->ends_with("\0\0\x29\x10\0\1\0\0\0\0\0"s));  // BADVERS is 1 there, 0 in the header
}

TEST(Answers, OfAnAddress) {
  const std::string answer = answer_address(query(kTypeA), *IpAddress::parse("198.18.1.2"), 60s);
  EXPECT_EQ(answer, "\x12\x34\x81\x80\0\1\0\1\0\0\0\0"s + kQuestionName +
                        "\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\1\2"s);
}

TEST(Answers, EchoTheQuestionAsItWasSent) {
  const DnsQuery mixed = query(kTypeA, {}, "\7eXaMpLe\3cOm\0"s);
  EXPECT_EQ(answer_empty(mixed), "\x12\x34\x81\x80\0\1\0\0\0\0\0\0\7eXaMpLe\3cOm\0\0\1\0\1"s);
}

TEST(Answers, HaveAnOptRecordWhereTheQueryHadOne) {
  const std::string answer = answer_empty(query(kTypeAaaa, kOpt1232));
  EXPECT_EQ(answer, "\x12\x34\x81\x80\0\1\0\0\0\0\0\1"s + kQuestionName + "\0\x1c\0\1\0\0\x29\x10\0\0\0\0\0\0\0"s);
}

TEST(Answers, OfABlockedNameSayWhy) {
  EXPECT_EQ(answer_blocked(query(kTypeA), "no"), "\x12\x34\x81\x83\0\1\0\0\0\0\0\0"s + kQuestionName + "\0\1\0\1"s);
  EXPECT_TRUE(
      answer_blocked(query(kTypeA, kOpt1232), "no").ends_with("\0\0\x29\x10\0\0\0\0\0\0\x08\0\x0f\0\4\0\x0fno"s));
}

TEST(Answers, OfABlockedNameFitWhereEveryAnswerFits) {
  const std::string longest = ("\x3f" + std::string(63, 'a')) + ("\x3f" + std::string(63, 'b')) +
                              ("\x3f" + std::string(63, 'c')) + "\x3d" + std::string(61, 'd') + "\0"s;
  const std::string answer = answer_blocked(query(kTypeA, kOpt1232, longest), std::string(1000, 'x'));
  EXPECT_LE(answer.size(), kPlainUdpBytes);
  EXPECT_TRUE(answer.ends_with("\0\x0f" + std::string(200, 'x')));
  // No half character at the cut.
  std::string umlauts = "x";
  for (int i = 0; i < 150; ++i) umlauts += "\xc3\xbc";
  EXPECT_TRUE(answer_blocked(query(kTypeA, kOpt1232), umlauts).ends_with("x" + umlauts.substr(1, 198)));
}

TEST(Answers, WithACode) {
  for (const DnsCode code : {DnsCode::kServFail, DnsCode::kRefused, DnsCode::kNotImp, DnsCode::kNxDomain}) {
    EXPECT_EQ(answer_code(query(kTypeA), code)[3] & 15, static_cast<int>(code));
  }
}

TEST(Answers, OfAReverseName) {
  const DnsQuery pointer = query(kTypePtr, {}, "\1a\0"s);
  EXPECT_EQ(answer_name(pointer, "example.com", 1s),
            "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1a\0\0\x0c\0\1\xc0\x0c\0\x0c\0\1\0\0\0\1\0\x0d"s + kQuestionName);
}

TEST(ReverseAddress, OfBothFamilies) {
  EXPECT_EQ(reverse_address("2.1.18.198.in-addr.arpa"), IpAddress::parse("198.18.1.2"));
  EXPECT_EQ(reverse_address("b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
            IpAddress::parse("2001:db8::567:89ab"));
  for (const char* name : {"1.18.198.in-addr.arpa", "02.1.18.198.in-addr.arpa", "256.1.18.198.in-addr.arpa",
                           "x.2.1.18.198.in-addr.arpa", "in-addr.arpa", "a.ip6.arpa", "example.com", ".in-addr.arpa",
                           "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.g.ip6.arpa",
                           "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.00.2.ip6.arpa"}) {
    EXPECT_FALSE(reverse_address(name)) << name;
  }
}

}  // namespace
}  // namespace caisson::gate
