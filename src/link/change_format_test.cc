// SPDX-License-Identifier: Apache-2.0

#include "link/change_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::link {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ChangeRecord folder(const std::string& path) {
  ChangeRecord record;
  record.kind = ChangeKind::kFolder;
  record.mode = 0755;
  record.path = path;
  return record;
}

ChangeRecord file(const std::string& path, uint64_t size = 0) {
  ChangeRecord record;
  record.kind = ChangeKind::kFile;
  record.mode = 0644;
  record.size = record.real_size = size;
  record.path = path;
  return record;
}

ChangeRecord symlink(const std::string& path, const std::string& target) {
  ChangeRecord record;
  record.kind = ChangeKind::kSymlink;
  record.path = path;
  record.target = target;
  return record;
}

std::string bytes_of(const std::vector<ChangeRecord>& records) {
  std::string bytes;
  for (const ChangeRecord& record : records) encode_change(record, bytes);
  return bytes;
}

struct Read {
  std::vector<std::string> paths;
  std::vector<std::string> contents;
  std::string error;
  bool ended = false;
};

// `step` bytes at a time.
Read read(std::string_view bytes, size_t step = SIZE_MAX) {
  Read read;
  ChangeDecoder decoder({.record =
                             [&](const ChangeRecord& record) {
                               read.paths.push_back(record.path);
                               read.contents.emplace_back();
                             },
                         .content =
                             [&](std::span<const uint8_t> part) {
                               read.contents.back().append(reinterpret_cast<const char*>(part.data()), part.size());
                             }});
  try {
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, step);
      decoder.feed({reinterpret_cast<const uint8_t*>(part.data()), part.size()});
      bytes.remove_prefix(part.size());
    }
  } catch (const base::Error& error) {
    read.error = error.what();
  }
  read.ended = decoder.ended();
  return read;
}

std::string decoding_error(const std::vector<ChangeRecord>& records) {
  return read(bytes_of(records)).error;
}

TEST(ChangeFormat, RecordsPassInAnyPieces) {
  std::string bytes = bytes_of({folder("a"), file("a/b", 3)});
  bytes += "xyz";
  bytes += bytes_of({symlink("a/c", "../x"), file("a-"), ChangeRecord{}});
  for (const size_t step : {size_t{1}, size_t{7}, SIZE_MAX}) {
    const Read got = read(bytes, step);
    EXPECT_EQ(got.error, "");
    EXPECT_TRUE(got.ended);
    EXPECT_THAT(got.paths, ElementsAre("a", "a/b", "a/c", "a-", ""));
    EXPECT_THAT(got.contents, ElementsAre("", "xyz", "", "", ""));
  }
}

TEST(ChangeFormat, WhatIsWrittenIsReadAsItself) {
  ChangeRecord all = folder("d\n\xff");
  all.mtime_ns = -5;
  all.target = "old/name";
  ChangeRecord got;
  ChangeDecoder decoder({.record = [&](const ChangeRecord& record) { got = record; }});
  const std::string bytes = bytes_of({all});
  decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  EXPECT_EQ(bytes_of({got}), bytes);
  EXPECT_EQ(got.mtime_ns, -5);
}

TEST(ChangeFormat, PathsThatLeadOutAreRefused) {
  EXPECT_THAT(decoding_error({file("..")}), HasSubstr("'..' has '..' in it"));
  EXPECT_THAT(decoding_error({folder("a"), file("a/../b")}), HasSubstr("has '..' in it"));
  EXPECT_THAT(decoding_error({file("/etc/passwd")}), HasSubstr("is absolute"));
  EXPECT_THAT(decoding_error({file("a//b")}), HasSubstr("empty name"));
  EXPECT_THAT(decoding_error({file("a/")}), HasSubstr("empty name"));
  EXPECT_THAT(decoding_error({file("./a")}), HasSubstr("has '.' in it"));
  EXPECT_THAT(decoding_error({file(std::string("a\0b", 3))}), HasSubstr("NUL"));
  EXPECT_THAT(decoding_error({file(std::string(256, 'n'))}), HasSubstr("255 bytes"));
  ChangeRecord renamed = folder("a");
  renamed.target = "../b";
  EXPECT_THAT(decoding_error({renamed}), HasSubstr("renamed from a folder whose path has '..' in it"));
}

TEST(ChangeFormat, WhatIsBelowALinkOrAFileIsRefused) {
  EXPECT_THAT(decoding_error({symlink("a", "/etc"), file("a/passwd")}),
              HasSubstr("not in a folder that was named before"));
  EXPECT_THAT(decoding_error({file("a"), file("a/b")}), HasSubstr("not in a folder that was named before"));
  EXPECT_THAT(decoding_error({file("a/b")}), HasSubstr("not in a folder that was named before"));
  EXPECT_THAT(decoding_error({folder("a"), file("b"), file("a/c")}),
              HasSubstr("not in a folder that was named before"));
}

TEST(ChangeFormat, NothingComesTwiceOrOutOfOrder) {
  EXPECT_THAT(decoding_error({file("a"), file("a")}), HasSubstr("comes twice"));
  EXPECT_THAT(decoding_error({file("b"), file("a")}), HasSubstr("out of its order"));
  EXPECT_THAT(decoding_error({folder("a"), file("a")}), HasSubstr("comes twice"));
  EXPECT_THAT(decoding_error({file("a-"), folder("a")}), HasSubstr("out of its order"));
  EXPECT_THAT(read(bytes_of({ChangeRecord{}, file("a")})).error, HasSubstr("follows its end"));
}

TEST(ChangeFormat, FieldsOfOtherKindsAreRefused) {
  ChangeRecord setuid = file("a");
  setuid.mode = 04755;
  EXPECT_THAT(decoding_error({setuid}), HasSubstr("mode bits"));
  ChangeRecord opaque = file("a");
  opaque.opaque = true;
  EXPECT_THAT(decoding_error({opaque}), HasSubstr("opaque and no folder"));
  ChangeRecord removed = symlink("a", "b");
  removed.kind = ChangeKind::kRemoved;
  EXPECT_THAT(decoding_error({removed}), HasSubstr("has a target and is no link"));
  EXPECT_THAT(decoding_error({symlink("a", "")}), HasSubstr("link to nothing"));
  ChangeRecord both = folder("a");
  both.opaque = true;
  both.target = "b";
  EXPECT_THAT(decoding_error({both}), HasSubstr("opaque and renamed"));
  std::string kind = bytes_of({file("a")});
  kind[0] = 9;
  EXPECT_THAT(read(kind).error, HasSubstr("unknown kind"));
  std::string flags = bytes_of({file("a")});
  flags[1] = 2;
  EXPECT_THAT(read(flags).error, HasSubstr("unknown flags"));
}

TEST(ChangeFormat, AnnouncedContentIsBounded) {
  EXPECT_THAT(decoding_error({file("a", 1ULL << 40)}), HasSubstr("announces content beyond the bound"));
  EXPECT_THAT(decoding_error({file("a", UINT64_MAX)}), HasSubstr("announces content beyond the bound"));
  // Its content has not come: so this is about the sum alone.
  std::string error;
  uint64_t records = 0;
  ChangeDecoder decoder({.record = [&](const ChangeRecord&) { ++records; }});
  const std::string bytes = bytes_of({file("a", kMostChangeContentBytes)});
  EXPECT_NO_THROW(decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
  EXPECT_EQ(records, 1U);
}

TEST(ChangeFormat, EntriesAreBounded) {
  uint64_t records = 0;
  ChangeDecoder decoder({.record = [&](const ChangeRecord&) { ++records; }});
  std::string bytes;
  std::string error;
  try {
    for (size_t i = 0; i <= kMostChangeRecords; ++i) {
      bytes.clear();
      encode_change(file(std::to_string(10'000'000 + i)), bytes);
      decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    }
  } catch (const base::Error& refused) {
    error = refused.what();
  }
  EXPECT_THAT(error, HasSubstr("more than 1000000 entries"));
  EXPECT_EQ(records, kMostChangeRecords);
}

TEST(ChangeFormat, APathSortsBeforeWhatContinuesItsName) {
  EXPECT_TRUE(comes_before("a", "a/b"));
  EXPECT_TRUE(comes_before("a/b", "a-"));
  EXPECT_TRUE(comes_before("a/b", "a\x01"));
  EXPECT_TRUE(comes_before("a", "\xff"));
  for (const size_t length : {63, 64, 65, 128}) {
    const std::string same(length, 'x');
    EXPECT_TRUE(comes_before(same + "/b", same + "-")) << length;
    EXPECT_FALSE(comes_before(same + "-", same + "/b")) << length;
    EXPECT_TRUE(comes_before(same, same + "/")) << length;
    EXPECT_FALSE(comes_before(same, same)) << length;
  }
  EXPECT_FALSE(comes_before("a", "a"));
}

}  // namespace
}  // namespace caisson::link
