// SPDX-License-Identifier: Apache-2.0

#include "gate/dns_wire.h"

#include <fmt/format.h>

#include <algorithm>

#include "gate/host_name.h"

namespace caisson::gate {
namespace {

constexpr size_t kMaxWireName = 255;

void append_label_byte(std::string& text, uint8_t byte) {
  if (byte >= 'A' && byte <= 'Z') {
    text += static_cast<char>(byte - 'A' + 'a');
  } else if (byte <= 0x20 || byte >= 0x7F || byte == '.' || byte == '\\') {
    text += fmt::format("\\{:03}", byte);
  } else {
    text += static_cast<char>(byte);
  }
}

}  // namespace

std::optional<uint8_t> DnsReader::byte() {
  if (at_ >= message_.size()) return std::nullopt;
  return static_cast<uint8_t>(message_[at_++]);
}

std::optional<uint16_t> DnsReader::number16() {
  const auto high = byte();
  const auto low = byte();
  if (!high || !low) return std::nullopt;
  return static_cast<uint16_t>(*high << 8 | *low);
}

std::optional<uint32_t> DnsReader::number32() {
  const auto high = number16();
  const auto low = number16();
  if (!high || !low) return std::nullopt;
  return static_cast<uint32_t>(*high) << 16 | *low;
}

bool DnsReader::skip(size_t bytes) {
  if (bytes > message_.size() - at_) return false;
  at_ += bytes;
  return true;
}

std::optional<DnsHeader> DnsReader::header() {
  if (message_.size() - at_ < kDnsHeaderBytes) return std::nullopt;
  DnsHeader header;
  for (uint16_t* field :
       {&header.id, &header.flags, &header.questions, &header.answers, &header.authorities, &header.additionals}) {
    *field = number16().value();
  }
  return header;
}

std::optional<std::string> DnsReader::name() {
  std::string text;
  size_t wire_bytes = 1;  // the root's
  size_t limit = at_;     // a pointer leads to before this
  std::optional<size_t> behind;
  while (true) {
    const auto length = byte();
    if (!length) return std::nullopt;
    if (*length == 0) break;
    if ((*length & 0xC0) == 0xC0) {
      const auto low = byte();
      if (!low) return std::nullopt;
      if (!behind) behind = at_;
      const size_t target = static_cast<size_t>(*length & 0x3F) << 8 | *low;
      if (target >= limit || target < kDnsHeaderBytes) return std::nullopt;
      limit = at_ = target;
      continue;
    }
    if (*length > kMaxLabelBytes || message_.size() - at_ < *length) return std::nullopt;
    wire_bytes += *length + 1U;
    if (wire_bytes > kMaxWireName) return std::nullopt;
    if (!text.empty()) text += '.';
    for (size_t i = 0; i < *length; ++i) append_label_byte(text, static_cast<uint8_t>(message_[at_ + i]));
    at_ += *length;
  }
  if (behind) at_ = *behind;
  return text;
}

std::optional<DnsRecord> DnsReader::record() {
  auto owner = name();
  if (!owner) return std::nullopt;
  const auto type = number16();
  const auto record_class = number16();
  const auto ttl = number32();
  const auto data_bytes = number16();
  if (!data_bytes) return std::nullopt;
  const size_t data_at = at_;
  if (!skip(*data_bytes)) return std::nullopt;
  return DnsRecord{.name = std::move(*owner),
                   .type = *type,
                   .record_class = *record_class,
                   .ttl = *ttl,
                   .data_at = data_at,
                   .data_bytes = *data_bytes};
}

void append16(std::string& out, uint16_t number) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number);
}

void append32(std::string& out, uint32_t number) {
  append16(out, static_cast<uint16_t>(number >> 16));
  append16(out, static_cast<uint16_t>(number));
}

void append_header(std::string& out, const DnsHeader& header) {
  for (const uint16_t field :
       {header.id, header.flags, header.questions, header.answers, header.authorities, header.additionals}) {
    append16(out, field);
  }
}

void append_name(std::string& out, std::string_view name) {
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  out += '\0';
}

void append_opt(std::string& out, uint8_t extended_code, std::string_view options) {
  out += '\0';
  append16(out, kTypeOpt);
  append16(out, kMaxDnsBytes);
  append32(out, static_cast<uint32_t>(extended_code) << 24);
  append16(out, static_cast<uint16_t>(options.size()));
  out += options;
}

}  // namespace caisson::gate
