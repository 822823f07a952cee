// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "gate/dns.h"

using namespace std::string_literals;

namespace caisson::gate {
namespace {

const std::string kName = "\7eXample\3com\0"s;
const std::string kLowerName = "\7example\3com\0"s;
const std::string kTypeTxtIn = "\0\x10\0\1"s;
const std::string kOpt = "\0\0\x29\x04\xd0\0\0\0\0\0\0"s;
const std::string kOwnOpt = "\0\0\x29\x10\0\0\0\0\0\0\0"s;
constexpr uint16_t kId = 0xABCD;

DnsQuery upstream_query(uint16_t type = kTypeTxt, const std::string& additional = {}) {
  std::string bytes = "\x12\x34\x01\x00\0\1\0\0\0\0\0"s + static_cast<char>(additional.empty() ? 0 : 1) + kName;
  bytes += static_cast<char>(type >> 8);
  bytes += static_cast<char>(type);
  return parse_query(bytes + "\0\1"s + additional).query.value();
}

struct Parts {
  std::string id = "\xab\xcd"s;
  std::string flags = "\x81\x80"s;
  char questions = 1;
  std::string question = kLowerName + kTypeTxtIn;
  std::vector<std::string> answers = {};
  std::vector<std::string> authorities = {};
  std::vector<std::string> additionals = {};
  std::string behind = {};
};

std::string upstream_message(const Parts& parts) {
  std::string out = parts.id + parts.flags + "\0"s + parts.questions;
  for (const auto* section : {&parts.answers, &parts.authorities, &parts.additionals}) {
    out += '\0';
    out += static_cast<char>(section->size());
  }
  out += parts.question;
  for (const auto* section : {&parts.answers, &parts.authorities, &parts.additionals}) {
    for (const std::string& record : *section) out += record;
  }
  return out + parts.behind;
}

// A record of the question's name.
std::string upstream_record(uint16_t type, const std::string& data, const std::string& owner = "\xc0\x0c"s) {
  std::string out = owner;
  out += static_cast<char>(type >> 8);
  out += static_cast<char>(type);
  out += "\0\1\0\0\0\x3c"s;
  out += static_cast<char>(data.size() >> 8);
  out += static_cast<char>(data.size());
  return out + data;
}

std::optional<std::string> checked(const Parts& parts, const DnsQuery& asked = upstream_query(),
                                   size_t max_bytes = 512) {
  return checked_upstream_answer(upstream_message(parts), asked, kId, max_bytes);
}

TEST(MakeUpstreamQuery, HasTheQuestionAndNothingElseOfTheGuests) {
  EXPECT_EQ(make_upstream_query(upstream_query(), kId), "\xab\xcd\1\0\0\1\0\0\0\0\0\0"s + kLowerName + kTypeTxtIn);
  const std::string with_option = "\0\0\x29\x04\xd0\0\0\x80\0\0\x0a\0\x0a\0\6secret"s;
  EXPECT_EQ(make_upstream_query(upstream_query(kTypeTxt, with_option), kId),
            "\xab\xcd\1\0\0\1\0\0\0\0\0\1"s + kLowerName + kTypeTxtIn + kOwnOpt);
}

TEST(CheckedUpstreamAnswer, IsTheClientsWithItsIdAndSpelling) {
  const std::string text = upstream_record(kTypeTxt, "\5hello"s);
  EXPECT_EQ(checked({.answers = {text}}), "\x12\x34\x81\x80\0\1\0\1\0\0\0\0"s + kName + kTypeTxtIn + text);
  // NXDOMAIN with its SOA; the bits AD and CD are not passed on.
  const std::string soa = upstream_record(kTypeSoa, "\xc0\x0c\xc0\x0c"s + std::string(20, '\1'));
  EXPECT_EQ(checked({.flags = "\x85\xb3"s, .authorities = {soa}}),
            "\x12\x34\x85\x83\0\1\0\0\0\1\0\0"s + kName + kTypeTxtIn + soa);
}

TEST(CheckedUpstreamAnswer, HasNoAdditionalRecords) {
  const std::string srv_question = kLowerName + "\0\x21\0\1"s;
  const std::string srv = upstream_record(kTypeSrv, "\0\1\0\2\0\x50\1a\xc0\x0c"s);
  const std::string address = upstream_record(kTypeA, "\xa\0\0\1"s, "\1a\xc0\x0c"s);
  EXPECT_EQ(checked({.question = srv_question, .answers = {srv}, .additionals = {address}}, upstream_query(kTypeSrv)),
            "\x12\x34\x81\x80\0\1\0\1\0\0\0\0"s + kName + "\0\x21\0\1"s + srv);
  EXPECT_EQ(checked({.additionals = {kOpt}}, upstream_query(kTypeTxt, kOpt)),
            "\x12\x34\x81\x80\0\1\0\0\0\0\0\1"s + kName + kTypeTxtIn + kOwnOpt);
}

TEST(CheckedUpstreamAnswer, IsCutToWhatTheClientTakes) {
  const std::string text = upstream_record(kTypeTxt, "\xc8"s + std::string(200, 'x'));
  const Parts parts{.answers = {text, text, text}};
  EXPECT_EQ(checked(parts), "\x12\x34\x83\x80\0\1\0\0\0\0\0\0"s + kName + kTypeTxtIn);
  EXPECT_EQ(checked(parts, upstream_query(), 4096)->size(), upstream_message(parts).size());
  EXPECT_EQ(checked(parts, upstream_query(), upstream_message(parts).size())->size(), upstream_message(parts).size());
  EXPECT_EQ(checked(parts, upstream_query(), upstream_message(parts).size() - 1)->size(), 12 + kName.size() + 4);
  EXPECT_EQ(checked({.flags = "\x83\x80"s}), "\x12\x34\x83\x80\0\1\0\0\0\0\0\0"s + kName + kTypeTxtIn);
}

TEST(CheckedUpstreamAnswer, IsNotThereForWhatAnswersSomethingElse) {
  const std::string text = upstream_record(kTypeTxt, "\5hello"s);
  EXPECT_TRUE(checked({.answers = {text}}));
  EXPECT_FALSE(checked({.id = "\xab\xce"s, .answers = {text}}));
  EXPECT_FALSE(checked({.flags = "\x01\x80"s, .answers = {text}}));  // a query
  EXPECT_FALSE(checked({.flags = "\xa9\x80"s, .answers = {text}}));  // another opcode
  EXPECT_FALSE(checked({.questions = 0, .question = "", .answers = {}}));
  EXPECT_FALSE(checked({.questions = 2, .answers = {text}}));
  EXPECT_FALSE(checked({.question = "\7another\3com\0"s + kTypeTxtIn, .answers = {text}}));
  EXPECT_FALSE(checked({.question = kName + kTypeTxtIn, .answers = {text}}));  // not the spelling that was asked
  EXPECT_FALSE(checked({.question = kLowerName + "\0\1\0\1"s}));
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeA, "\1\2\3\4"s)}}));
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeOpt, "")}}));
  EXPECT_FALSE(checked({.authorities = {upstream_record(kTypeA, "\1\2\3\4"s)}}));
  EXPECT_TRUE(checked({.answers = {upstream_record(kTypeCname, kLowerName), text}}));
}

TEST(CheckedUpstreamAnswer, IsNotThereForWhatIsMalformed) {
  const std::string text = upstream_record(kTypeTxt, "\5hello"s);
  EXPECT_FALSE(checked({.answers = {text}, .behind = "x"}));
  EXPECT_FALSE(checked({.answers = {text.substr(0, text.size() - 1)}}));
  EXPECT_FALSE(checked({.answers = {"\xc0\x0c\0\x10\0\3\0\0\0\0\0\1\0"s}}));  // class CHAOS
  EXPECT_FALSE(checked({.additionals = {"\xc0\x0c\0"s}}));
  const std::string whole = upstream_message({.answers = {text}});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(checked_upstream_answer(whole.substr(0, size), upstream_query(), kId, 512)) << size;
  }
  EXPECT_FALSE(checked_upstream_answer(whole + std::string(65536, '\0'), upstream_query(), kId, 65535));
}

TEST(CheckedUpstreamAnswer, FollowsPointersBackwardsOnly) {
  // The first record begins at byte 12 + 17 = 29.
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeTxt, "\1x"s, "\xc0\x1d"s)}}));     // itself
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeTxt, "\1x"s, "\xc0\x40"s)}}));     // forwards
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeTxt, "\1x"s, "\xc0\x02"s)}}));     // the header
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeTxt, "\1x"s, "\1a\xc0\x1d"s)}}));  // a loop through a label
  EXPECT_TRUE(checked({.answers = {upstream_record(kTypeTxt, "\1x"s, "\1a\xc0\x14"s)}}));   // "com"
}

TEST(CheckedUpstreamAnswer, LooksIntoRecordsWithNames) {
  EXPECT_TRUE(checked({.answers = {upstream_record(kTypeCname, "\xc0\x0c"s)}}));
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeCname, "")}}));
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeCname, "\xc0\x0c\0"s)}}));
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeCname, "\5ab"s)}}));
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeTxt, "")}}));
  EXPECT_FALSE(checked({.answers = {upstream_record(kTypeTxt, "\5ab"s)}}));
  EXPECT_FALSE(checked({.authorities = {upstream_record(kTypeSoa, "\xc0\x0c\xc0\x0c"s + std::string(19, '\1'))}}));
  const std::string mx_question = kLowerName + "\0\x0f\0\1"s;
  EXPECT_TRUE(checked({.question = mx_question, .answers = {upstream_record(kTypeMx, "\0\1\xc0\x0c"s)}},
                      upstream_query(kTypeMx)));
  EXPECT_FALSE(
      checked({.question = mx_question, .answers = {upstream_record(kTypeMx, "\0"s)}}, upstream_query(kTypeMx)));
  EXPECT_FALSE(
      checked({.question = mx_question, .answers = {upstream_record(kTypeMx, "\0\1"s)}}, upstream_query(kTypeMx)));
}

}  // namespace
}  // namespace caisson::gate
