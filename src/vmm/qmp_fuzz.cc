// SPDX-License-Identifier: Apache-2.0

// Any bytes from QEMU's end of the control socket: each call ends with an answer or a base::Error, and the word of an
// event is a short one.

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "vmm/qmp.h"

namespace caisson::vmm {
namespace {

asio::awaitable<void> use(Qmp& qmp) {
  const std::string command = "query-status";
  base::Json nothing = base::Json::object();
  co_await qmp.execute(command, std::move(nothing));
  qmp.forget_events(QmpEvent::kBlockIoError);
  while (true) {
    const std::string word = co_await qmp.wait_event(QmpEvent::kMigration);
    if (word.size() > 32) std::abort();
  }
}

void hear(std::string_view said) {
  base::FdPair ends = base::make_socketpair();
  // What does not fit the socket is left out, so that one thread does.
  ::send(ends.first.get(), said.data(), said.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(ends.first.get(), SHUT_WR);
  asio::io_context context(1);
  Qmp qmp(context.get_executor(), std::move(ends.second));
  bool ended = false;
  asio::co_spawn(context, use(qmp), [&](std::exception_ptr thrown) {
    ended = true;
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const base::Error&) {
      // Anything else ends the fuzzer.
    }
  });
  context.run();
  if (!ended) std::abort();
}

}  // namespace
}  // namespace caisson::vmm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::vmm::hear({reinterpret_cast<const char*>(data), size});
  return 0;
}
