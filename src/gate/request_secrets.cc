// SPDX-License-Identifier: Apache-2.0

#include "gate/request_secrets.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/host_name.h"
#include "gate/secret_rules.h"
#include "secrets/placeholder.h"

namespace caisson::gate {
namespace {

using Place = secrets::Place;

constexpr std::string_view kStandsForIt = "{}";
constexpr std::string_view kBasicScheme = "basic ";

bool is_same_but_case(std::string_view one, std::string_view other) {
  return base::ascii_lower(one) == base::ascii_lower(other);
}

bool has_any(std::string_view text, const SecretForms& forms) {
  for (size_t index = 0; index < forms.size(); ++index) {
    if (text.find(forms[index]) != std::string_view::npos) return true;
  }
  return false;
}

bool rule_covers(const Rule& rule, std::string_view name, uint16_t port) {
  return matches_name(rule.host, name) && rule.ports.contains(port);
}

bool rule_covers_request(const Rule& rule, std::string_view method, const CanonicalPath& path) {
  if (!rule.request) return true;
  const std::vector<std::string>& methods = rule.request->methods;
  const bool listed = methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
  return listed && path_matches(rule.request->path, path.text());
}

std::vector<std::string> basic_users(const secrets::Definition& definition) {
  std::vector<std::string> users;
  for (const Place& place : definition.places) {
    if (place.kind == Place::Kind::kBasic) users.push_back(place.name);
  }
  return users;
}

// Values have none when they are kept; this is the last place before one would end a header.
bool ends_header(std::string_view value) {
  return std::any_of(value.begin(), value.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

secrets::Value percent_encoded_value(std::string_view value) {
  secrets::Value room(3 * value.size());
  const size_t size = encode_percent(value, room.data());
  return secrets::Value::copy_of(room.reveal().substr(0, size));
}

secrets::Value basic_value(std::string_view user, std::string_view value) {
  secrets::Value both(user.size() + 1 + value.size());
  char* into = std::copy(user.begin(), user.end(), both.data());
  *into++ = ':';
  std::copy(value.begin(), value.end(), into);
  secrets::Value encoded(base64_bytes(both.size()));
  encode_base64(both.reveal(), encoded.data());
  return encoded;
}

}  // namespace

SandboxSecrets::SandboxSecrets(std::vector<GrantPtr> grants, Refresh refresh) : refresh_(std::move(refresh)) {
  for (GrantPtr& grant : grants) {
    Usable usable{.grant = grant,
                  .rules = rules_of(grant->definition()),
                  .placeholder = SecretForms(grant->placeholder(), {}),
                  .users = basic_users(grant->definition())};
    all_.push_back(std::move(usable));
  }
}

bool SandboxSecrets::go_to(std::string_view name, uint16_t port) const {
  const auto normal = normal_name(name);
  return normal && std::any_of(all_.begin(), all_.end(), [&](const Usable& usable) {
           return std::any_of(usable.rules.begin(), usable.rules.end(),
                              [&](const Rule& rule) { return rule_covers(rule, *normal, port); });
         });
}

bool has_mark(std::string_view text, const std::vector<SecretUse::Put>& put) {
  return std::any_of(put.begin(), put.end(),
                     [&](const SecretUse::Put& one) { return text.find(one.mark) != std::string_view::npos; });
}

secrets::Value expand(std::string_view text, const std::vector<SecretUse::Put>& put) {
  std::vector<std::string_view> marks;
  for (const SecretUse::Put& one : put) marks.emplace_back(one.mark);
  const std::vector<secrets::Occurrence> all = secrets::find_all(text, marks);
  size_t size = text.size();
  for (const secrets::Occurrence& found : all) size += put[found.which].text.size() - put[found.which].mark.size();
  secrets::Value made(size);
  char* into = made.data();
  size_t done = 0;
  for (const secrets::Occurrence& found : all) {
    into = std::copy(text.begin() + done, text.begin() + found.position, into);
    const std::string_view value = put[found.which].text.reveal();
    into = std::copy(value.begin(), value.end(), into);
    done = found.position + put[found.which].mark.size();
  }
  std::copy(text.begin() + done, text.end(), into);
  return made;
}

// Another coding than those that are read, a part of the answer, or WebSocket frames that are compressed.
bool hides_answer(std::string_view field_name) {
  constexpr std::array<std::string_view, 6> kNames = {"a-im",     "accept-encoding", "grpc-accept-encoding",
                                                      "if-range", "range",           "sec-websocket-extensions"};
  return std::find(kNames.begin(), kNames.end(), field_name) != kNames.end();
}

// What one request uses.
class RequestSecrets::Use {
 public:
  Use(const RequestSecrets& of, const RequestParts& parts) : of_(of), parts_(parts) {}

  SecretUse take() {
    for (const Usable& usable : of_.all_->all_) {
      if (of_.goes_to(usable, parts_)) put(usable);
      if (use_.refusal.empty()) use_.refusal = misplaced(usable);
      if (!use_.refusal.empty()) return {.refusal = use_.refusal};
    }
    return std::move(use_);
  }

 private:
  // Where it belongs.
  void put(const Usable& usable) {
    for (const Place& place : usable.grant->definition().places) {
      if (place.kind == Place::Kind::kQuery) {
        put_into_query(usable, place);
        continue;
      }
      for (const RequestParts::Field& field : parts_.fields) {
        if (place.kind == Place::Kind::kHeader) put_into_header(usable, place, field);
        if (place.kind == Place::Kind::kBasic) put_into_basic(usable, place, field);
      }
    }
  }

  void put_into_header(const Usable& usable, const Place& place, const RequestParts::Field& field) {
    const std::string& placeholder = usable.grant->placeholder();
    const size_t begin = place.form.find(kStandsForIt);
    if (begin == std::string::npos || !is_same_but_case(field.name, place.name)) return;
    const std::string_view value = *field.value;
    const std::string_view behind = std::string_view(place.form).substr(begin + kStandsForIt.size());
    if (value.size() != begin + placeholder.size() + behind.size()) return;
    if (value.substr(begin, placeholder.size()) != placeholder) return;
    if (!is_same_but_case(value.substr(0, begin), place.form.substr(0, begin))) return;
    if (value.substr(begin + placeholder.size()) != behind) return;
    const std::string mark = note(usable, [](std::string_view secret) { return secrets::Value::copy_of(secret); });
    if (!mark.empty()) field.value->replace(begin, placeholder.size(), mark);
  }

  void put_into_basic(const Usable& usable, const Place& place, const RequestParts::Field& field) {
    if (field.name != "authorization") return;
    const std::string_view value = *field.value;
    if (!is_same_but_case(value.substr(0, kBasicScheme.size()), kBasicScheme)) return;
    const std::string_view encoded = base::trimmed(value.substr(kBasicScheme.size()));
    if (from_base64(encoded) != place.name + ":" + usable.grant->placeholder()) return;
    const std::string mark = note(usable, [&](std::string_view secret) { return basic_value(place.name, secret); });
    if (!mark.empty()) *field.value = std::string(value.substr(0, kBasicScheme.size())) + mark;
  }

  void put_into_query(const Usable& usable, const Place& place) {
    std::string& target = *parts_.target;
    const std::string wanted = place.name + "=" + usable.grant->placeholder();
    for (size_t at = target.find('?'); at != std::string::npos; at = target.find('&', at + 1)) {
      const size_t begin = at + 1;
      if (target.substr(begin, target.find('&', begin) - begin) != wanted) continue;
      const std::string mark = note(usable, percent_encoded_value);
      if (!mark.empty()) target.replace(begin + place.name.size() + 1, usable.grant->placeholder().size(), mark);
    }
  }

  // What stands for the value from here on; "": it is not put there, and the request is refused.
  template <typename Form>
  std::string note(const Usable& usable, const Form& form) {
    std::string mark;
    const bool has_value = usable.grant->with_value([&](std::string_view secret) {
      if (ends_header(secret)) return;
      mark = secrets::make_placeholder(secrets::kOwnShape);
      use_.put.push_back({.mark = mark, .text = form(secret)});
      if (!use_.scrub) use_.scrub = std::make_shared<AnswerScrub>();
      if (!use_.names.empty() && use_.names.back() == usable.name()) return;
      use_.names.push_back(usable.name());
      use_.scrub->add({.value = secret, .placeholder = usable.grant->placeholder(), .users = usable.users});
    });
    const std::string secret = "the secret " + base::in_quotes(usable.name());
    if (!has_value) use_.refusal = secret + " has no value now: it was removed or changed, or could not be got";
    if (has_value && mark.empty()) use_.refusal = secret + " has a control byte in its value";
    return mark;
  }

  // Why the request is refused, where its placeholder stands anywhere.
  std::string misplaced(const Usable& usable) const {
    const std::string_view target = *parts_.target;
    const size_t query = std::min(target.find('?'), target.size());
    std::string where;
    if (has_any(target.substr(0, query), usable.placeholder)) where = "in its path";
    if (where.empty() && has_any(target.substr(query), usable.placeholder)) where = "in its query";
    for (const RequestParts::Field& field : parts_.fields) {
      if (!where.empty()) break;
      if (has_any(*field.value, usable.placeholder) || has_any(field.name, usable.placeholder))
        where = "in its header " + base::in_quotes(field.name.substr(0, 64));
    }
    if (where.empty()) return {};
    const std::string has = "it has the placeholder of the secret " + base::in_quotes(usable.name()) + " " + where;
    if (of_.goes_to(usable, parts_)) return has + ", where the secret does not go";
    return has + ", and the secret does not go to " +
           (of_.goes_here(usable) ? "this method and path" : "this host and port");
  }

  const RequestSecrets& of_;
  const RequestParts& parts_;
  SecretUse use_;
};

SecretUse RequestSecrets::use(const RequestParts& parts) const {
  return Use(*this, parts).take();
}

asio::awaitable<void> RequestSecrets::refresh() const {
  if (!all_->refresh_) co_return;
  for (const Usable& usable : all_->all_) {
    if (!goes_here(usable) || !usable.grant->needs_value(secrets::Grant::Clock::now())) continue;
    GrantPtr grant = usable.grant;
    co_await all_->refresh_(std::move(grant));
  }
}

bool RequestSecrets::goes_here(const Usable& usable) const {
  return !name_.empty() && std::any_of(usable.rules.begin(), usable.rules.end(),
                                       [this](const Rule& rule) { return rule_covers(rule, name_, port_); });
}

bool RequestSecrets::goes_to(const Usable& usable, const RequestParts& parts) const {
  if (!goes_here(usable)) return false;
  const auto path = canonical_path(*parts.target);
  return path && std::any_of(usable.rules.begin(), usable.rules.end(), [&](const Rule& rule) {
           return rule_covers(rule, name_, port_) && rule_covers_request(rule, parts.method, *path);
         });
}

// The forms of all of them, in the order of SandboxSecrets.
StreamScan RequestSecrets::body_scan() const {
  std::vector<std::string_view> texts;
  for (const Usable& usable : all_->all_) {
    for (size_t index = 0; index < usable.placeholder.size(); ++index) texts.push_back(usable.placeholder[index]);
  }
  return StreamScan(std::move(texts));
}

std::string RequestSecrets::body_refusal(size_t found) const {
  for (const Usable& usable : all_->all_) {
    if (found < usable.placeholder.size())
      return "its body has the placeholder of the secret " + base::in_quotes(usable.name()) + ", where no secret goes";
    found -= usable.placeholder.size();
  }
  return {};
}

std::string RequestSecrets::trailer_refusal(std::string_view value) const {
  for (const Usable& usable : all_->all_) {
    if (has_any(value, usable.placeholder))
      return "it has the placeholder of the secret " + base::in_quotes(usable.name()) +
             " in a trailer, where no secret goes";
  }
  return {};
}

}  // namespace caisson::gate
