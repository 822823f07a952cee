// SPDX-License-Identifier: Apache-2.0

// Requests as a client of the socket could send them: "METHOD TARGET [upgrade]\n" and the body. Whatever they are,
// there is an answer.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "base/text.h"
#include "keeper/api.h"
#include "keeper/testing/fake_control.h"

namespace caisson::keeper {
namespace {

asio::awaitable<void> ask(Control* control, ApiRequest request, ApiAnswer* into) {
  *into = co_await answer(*control, std::move(request));
}

void check(const ApiAnswer& answered) {
  const bool refused = answered.status >= 400;
  const bool says_why =
      answered.body.is_object() && answered.body.contains("error") && answered.body.contains("exit_code");
  if (answered.status < 200 || answered.status > 599 || refused != says_why || (refused && answered.stream))
    std::abort();
  base::to_line(answered.body);
}

}  // namespace
}  // namespace caisson::keeper

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace caisson::keeper;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t line_end = std::min(text.find('\n'), text.size());
  const std::vector<std::string> words = caisson::base::split(text.substr(0, line_end), ' ');
  ApiRequest request;
  request.method = words[0];
  request.target = words.size() > 1 ? words[1] : "";
  request.upgrade = words.size() > 2;
  if (line_end < text.size()) request.body = text.substr(line_end + 1);
  FakeControl control;
  ApiAnswer answered{.status = 0};
  asio::io_context io;
  asio::co_spawn(io, ask(&control, std::move(request), &answered), [](const std::exception_ptr&) {});
  io.run();
  check(answered);
  return 0;
}
