// SPDX-License-Identifier: Apache-2.0

// A sandbox's list of changes as it came, kept in one file without a name: the content of its files lies in it at
// offsets, so that nothing a guest named is made on the host to look at its changes, and nothing is left of it when the
// process ends, however it does.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "link/change_format.h"

namespace caisson::changes {

struct ReceivedRecord {
  link::ChangeRecord record;
  uint64_t offset = 0;  // of its content in the file
};

// What a list may take of the host's disk, whatever the guest sends.
struct ReceiveBounds {
  base::Bytes content = {UINT64_MAX};  // without holes: no more than the sandbox's disk has
  base::Bytes spare = {};              // is left free
};

class Received {
 public:
  // Reads `from` to its end, behind `early`; the file is made in `folder`, the sandbox's own. Throws for a list that is
  // not whole, breaks the format, is beyond the bounds, or says why it could not be made.
  static Received read(int from, std::string_view early, const std::string& folder, const ReceiveBounds& bounds = {});
  // One without a change.
  static Received none() { return {}; }
  // One that was kept in a file. Without a folder it is the file's.
  static Received open(const std::string& path, const std::string& folder = {});

  const std::vector<ReceivedRecord>& records() const { return records_; }
  // Where there is room for what is made of it; "" of one without a change.
  const std::string& folder() const { return folder_; }

  // Throws where the list says how large a file is and does not hold that: one that was asked for without content.
  void require_content() const;
  // The bytes of a file's content, in order, part by part. `part` says whether to go on.
  void content(const ReceivedRecord& record, const std::function<bool(std::span<const char>)>& part) const;

 private:
  Received() = default;
  void feed(link::ChangeDecoder& decoder, std::span<const char> bytes) const;
  link::ChangeDecoder decoder();
  void finish(const link::ChangeDecoder& decoder) const;

  base::Fd file_;
  std::string folder_;
  std::vector<ReceivedRecord> records_;
  uint64_t position_ = 0;
  uint64_t other_bytes_ = 0;  // that are no content
  std::string error_;
};

}  // namespace caisson::changes
