// SPDX-License-Identifier: Apache-2.0

#include "gate/answer_scrub.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/http_fields.h"

namespace caisson::gate {
namespace {

// RFC 9110, section 8.4.1. "deflate" is the zlib format.
bool is_decoded(std::string_view coding) {
  return coding == "gzip" || coding == "x-gzip" || coding == "deflate";
}

HttpMembers codings_of(const std::vector<std::string>& values) {
  HttpFields fields;
  for (const std::string& value : values) fields.emplace_back("content-encoding", value);
  HttpMembers codings = members_of(fields, "content-encoding");
  std::erase(codings, "identity");
  return codings;
}

}  // namespace

ContentDecoder::ContentDecoder() : stream_(std::make_unique<z_stream_s>()), made_(kMadeAtATime, '\0') {
  constexpr int kGzipOrZlib = 32;
  if (::inflateInit2(stream_.get(), MAX_WBITS + kGzipOrZlib) != Z_OK) throw std::bad_alloc();
}

ContentDecoder::~ContentDecoder() {
  ::inflateEnd(stream_.get());
  wipe(made_);
}

ContentDecoder::Step ContentDecoder::feed(std::string_view bytes, std::string& out) {
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_->avail_in = static_cast<uInt>(std::min<size_t>(bytes.size(), kMadeAtATime));
  const size_t given = stream_->avail_in;
  stream_->next_out = reinterpret_cast<Bytef*>(made_.data());
  stream_->avail_out = static_cast<uInt>(made_.size());
  in_member_ = in_member_ || given != 0;
  const int result = ::inflate(stream_.get(), Z_NO_FLUSH);
  const Step step{.used = given - stream_->avail_in, .more = stream_->avail_out == 0};
  out.append(made_, 0, made_.size() - stream_->avail_out);
  if (result == Z_STREAM_END) {
    // gzip may have several members behind each other (RFC 1952, section 2.2).
    in_member_ = false;
    ::inflateReset(stream_.get());
  } else if (result == Z_MEM_ERROR) {
    throw std::bad_alloc();
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    throw HttpProblem("its body is not in the coding that it names");
  }
  return step;
}

void ContentDecoder::end() const {
  if (in_member_) throw HttpProblem("its encoded body is cut off");
}

void AnswerScrub::add(const Secret& secret) {
  auto kept = std::make_unique<Kept>();
  kept->forms = SecretForms(secret.value, secret.users);
  kept->placeholder = secret.placeholder;
  for (const std::string& user : secret.users) kept->basic.push_back(to_base64(user + ":" + secret.placeholder));
  secrets_.push_back(std::move(kept));
  head_ = scrubber();
}

std::vector<Replacement> AnswerScrub::texts() const {
  std::vector<Replacement> all;
  for (const auto& secret : secrets_) {
    for (size_t index = 0; index < secret->forms.size(); ++index) {
      const size_t user = secret->forms.user(index);
      const std::string& to = user == SecretForms::kNoUser ? secret->placeholder : secret->basic[user];
      all.push_back({.from = secret->forms[index], .to = to});
    }
  }
  return all;
}

void AnswerScrub::begin_body(const std::vector<std::string>& codings) {
  body_ = scrubber();
  const HttpMembers named = codings_of(codings);
  if (named.empty()) return;
  if (named.size() > 1 || !is_decoded(named.front()))
    throw HttpProblem("its body is encoded (" + base::escaped(base::join(named, ", ").substr(0, 64)) +
                      "), and cannot be looked through for the secret that was sent");
  decoder_ = std::make_unique<ContentDecoder>();
}

AnswerScrub::Step AnswerScrub::feed(std::string_view bytes, std::string& out) {
  if (!decoder_) {
    body_->feed(bytes, out);
    return {.used = bytes.size()};
  }
  std::string decoded;
  const Step step = decoder_->feed(bytes, decoded);
  body_->feed(decoded, out);
  wipe(decoded);
  return step;
}

void AnswerScrub::end(std::string& out) {
  if (decoder_) decoder_->end();
  body_->end(out);
}

}  // namespace caisson::gate
