// SPDX-License-Identifier: Apache-2.0

// Looking for texts in a stream that comes in pieces, also where one of them is cut by a border.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::gate {

// A text, and what takes its place. Both have to outlive who looks for it; `from` is not empty.
struct Replacement {
  std::string_view from;
  std::string_view to;
};

// Says that one of the texts has passed, when its last byte has come.
class StreamScan {
 public:
  explicit StreamScan(std::vector<std::string_view> texts);

  // The index of the first one that ends in these bytes.
  std::optional<size_t> feed(std::string_view bytes);

 private:
  std::vector<std::string_view> texts_;
  size_t keep_ = 0;   // one less than the longest has
  std::string tail_;  // the last bytes that came
};

// Replaces them. What may be the beginning of one waits until the next bytes say; everything else passes at once.
class Scrubber {
 public:
  explicit Scrubber(std::vector<Replacement> texts) : texts_(std::move(texts)) {}
  ~Scrubber();
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  // Appends what passes.
  void feed(std::string_view bytes, std::string& out);
  void end(std::string& out);
  // Of a text that is there as a whole, whatever else is under way.
  std::string whole(std::string_view text) const;
  bool found() const { return found_; }  // any

 private:
  struct Match {
    size_t position;
    const Replacement* what;
  };
  std::optional<Match> first_match(std::string_view bytes) const;
  std::string_view replace(std::string_view bytes, std::string& out) const;
  size_t beginning_of_any(std::string_view bytes) const;

  std::vector<Replacement> texts_;
  std::string held_;
  mutable bool found_ = false;
};

// Zeroes all that it has room for.
void wipe(std::string& text);

}  // namespace caisson::gate
