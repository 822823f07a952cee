// SPDX-License-Identifier: Apache-2.0

// What requests of one sandbox may use of secrets (secrets/grant.h). Where a placeholder stands exactly where its
// secret's definition has it, in a request to a host, method and path of the definition, the value is put there. A
// placeholder anywhere else refuses the request, whichever host it goes to: nobody but the gate has a use for it.
//
// A value is never in the head that was read and judged: a mark takes the placeholder's place there, random and new for
// each request, and the value is put in where the head is written to the server (expand()). So what is recorded, shown
// or kept of a request has none.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/answer_scrub.h"
#include "gate/rule.h"
#include "gate/secret_forms.h"
#include "gate/secret_scan.h"
#include "secrets/grant.h"

namespace caisson::gate {

namespace asio = boost::asio;

using GrantPtr = std::shared_ptr<secrets::Grant>;

// One sandbox's, in no particular order. Does not change: who changes it makes another one.
class SandboxSecrets {
 public:
  // Gets a value that is due, in bounded time; the requests to where it goes wait. What it cannot get stays as it is.
  using Refresh = std::function<asio::awaitable<void>(GrantPtr grant)>;

  SandboxSecrets() = default;
  // Throws a base::Error for a definition that is none.
  SandboxSecrets(std::vector<GrantPtr> grants, Refresh refresh);

  // Whether requests on connections to it have to be read for a secret that goes there.
  bool go_to(std::string_view name, uint16_t port) const;

 private:
  friend class RequestSecrets;
  struct Usable {
    GrantPtr grant;
    std::vector<Rule> rules;
    SecretForms placeholder;
    std::vector<std::string> users;  // of Basic authentication
    const std::string& name() const { return grant->definition().name; }
  };
  std::vector<Usable> all_;
  Refresh refresh_;
};

// A request's head, of either version of HTTP, whose parts may be changed.
struct RequestParts {
  struct Field {
    std::string_view name;  // in lower case
    std::string* value;
  };
  std::string_view method;
  std::string* target;
  std::vector<Field> fields = {};
};

struct SecretUse {
  struct Put {
    std::string mark;
    secrets::Value text;
  };
  std::string refusal = {};  // why the request is not passed on; "": it is
  std::vector<Put> put = {};
  std::vector<std::string> names = {};      // of the secrets
  std::shared_ptr<AnswerScrub> scrub = {};  // of the answer, where anything was put
};

// Text in which each mark is replaced by what was put there.
secrets::Value expand(std::string_view text, const std::vector<SecretUse::Put>& put);
bool has_mark(std::string_view text, const std::vector<SecretUse::Put>& put);
// Of a request into which something was put: not passed on, as the answer must be one that can be read whole. With
// "accept-encoding: identity" in the place of what the client accepts.
bool hides_answer(std::string_view field_name);

// Those of one connection.
class RequestSecrets {
 public:
  // `name`: the connection's, "" where it is to an address.
  RequestSecrets(std::shared_ptr<const SandboxSecrets> all, std::string name, uint16_t port)
      : all_(std::move(all)), name_(std::move(name)), port_(port) {}

  // Values that are due are asked for again, of those that go there.
  asio::awaitable<void> refresh() const;
  // Of a request whose Host is the connection's.
  SecretUse use(const RequestParts& parts) const;
  // For the bytes of a request's body.
  StreamScan body_scan() const;
  // Why a request is refused whose body has what body_scan() found, or whose trailers have this value; "": it is not.
  std::string body_refusal(size_t found) const;
  std::string trailer_refusal(std::string_view value) const;

 private:
  using Usable = SandboxSecrets::Usable;
  class Use;

  bool goes_here(const Usable& usable) const;
  bool goes_to(const Usable& usable, const RequestParts& parts) const;

  std::shared_ptr<const SandboxSecrets> all_;
  std::string name_;
  uint16_t port_;
};

}  // namespace caisson::gate
