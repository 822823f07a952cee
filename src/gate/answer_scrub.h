// SPDX-License-Identifier: Apache-2.0

// The answer to a request into which values of secrets were put, as the sandbox gets it: where it has one of the values
// in one of the forms of secret_forms.h, the placeholder stands instead. A body in gzip or deflate is decoded for that
// and passed on as it is then; one in any other coding cannot be looked through, and is refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gate/secret_forms.h"
#include "gate/secret_scan.h"

struct z_stream_s;

namespace caisson::gate {

// zlib's window and what it makes at a time bound its memory, whatever the ratio.
class ContentDecoder {
 public:
  static constexpr size_t kMadeAtATime = 32U << 10;

  ContentDecoder();
  ~ContentDecoder();
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;

  struct Step {
    size_t used = 0;
    bool more = false;  // there may be more to be had without new bytes
  };
  // Appends at most kMadeAtATime. Throws HttpProblem for what is not of its coding.
  Step feed(std::string_view bytes, std::string& out);
  // Throws HttpProblem where it is cut off.
  void end() const;

 private:
  std::unique_ptr<z_stream_s> stream_;
  std::string made_;
  bool in_member_ = false;  // of gzip, or deflate as a whole
};

class AnswerScrub {
 public:
  struct Secret {
    std::string_view value;
    const std::string& placeholder;
    const std::vector<std::string>& users;  // of Basic authentication
  };
  // Before anything else is called.
  void add(const Secret& secret);

  // A reason, a field's value, a trailer's.
  std::string whole(std::string_view text) const { return head_->whole(text); }
  // Begins a body; `codings`: the values of its Content-Encoding. Throws HttpProblem.
  void begin_body(const std::vector<std::string>& codings);
  bool decodes() const { return decoder_ != nullptr; }

  using Step = ContentDecoder::Step;
  // Appends what passes. Call it again while `more`, or while there are bytes that it has not used.
  Step feed(std::string_view bytes, std::string& out);
  // The body's end. Throws HttpProblem.
  void end(std::string& out);
  // A scrubber of its own for what is no body.
  std::unique_ptr<Scrubber> scrubber() const { return std::make_unique<Scrubber>(texts()); }

 private:
  struct Kept {
    SecretForms forms;
    std::string placeholder;
    std::vector<std::string> basic;  // the placeholder with each user
  };
  std::vector<Replacement> texts() const;

  std::vector<std::unique_ptr<Kept>> secrets_;
  std::unique_ptr<Scrubber> head_;
  std::unique_ptr<Scrubber> body_;
  std::unique_ptr<ContentDecoder> decoder_;
};

}  // namespace caisson::gate
