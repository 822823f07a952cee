// SPDX-License-Identifier: Apache-2.0

// The host's typed view of init: one object per session. Used by the keeper and by the template maker.
// Everything that comes back is checked (services.h); every call throws base::Error when the session ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "link/change_messages.h"
#include "link/message.h"
#include "link/services.h"
#include "link/session.h"

namespace caisson::link {

// Init lives or does not: it has not answered within its time.
class NoAnswer : public base::Error {
 public:
  explicit NoAnswer(const std::string& doing);
};

// How long init may take. A guest that is short of everything is slow, not silent: so these are long.
struct Patience {
  std::chrono::milliseconds control{30'000};   // for each answer, from the call on
  std::chrono::milliseconds start{60'000};     // for a command's first frame, and for the answer of a copy and a port
  std::chrono::milliseconds discard{600'000};  // for the removal of as many files as a disk holds
  std::chrono::milliseconds copy{60'000};  // without a byte of a copy that it could take or give; its owner sees to it
};

class GuestClient {
 public:
  // What init may open is for the owner to accept (session().accept()), or is reset.
  enum class FromGuest { kReset, kAccepted };
  // Starts the session's run() on `executor`; `on_end` is called once with the reason when it ends ("" = orderly), and
  // never after this object is gone.
  GuestClient(asio::any_io_executor executor, std::unique_ptr<Transport> transport,
              std::function<void(std::string reason)> on_end = {}, FromGuest from_guest = FromGuest::kReset);
  ~GuestClient();  // closes
  GuestClient(const GuestClient&) = delete;
  GuestClient& operator=(const GuestClient&) = delete;

  void set_patience(Patience patience);

  // Requests are sent one after the other in the order of the calls, but for wait_docker, mount and
  // end_commands, which hold nobody up.
  // The first four wait for as long as it takes: for a machine that boots or is made to rest, their caller has a limit.
  asio::awaitable<Hello> hello();  // refuses another protocol version
  asio::awaitable<void> configure(Configure configure);
  asio::awaitable<std::string> wait_docker();  // the docker state
  asio::awaitable<void> freeze();              // returns when init has ended the session
  // These throw NoAnswer.
  asio::awaitable<void> poweroff(std::chrono::seconds until_kill);
  asio::awaitable<void> signal(uint64_t exec_id, int signal);
  asio::awaitable<void> resize(uint64_t exec_id, TtySize size);
  asio::awaitable<Stats> stats();
  asio::awaitable<void> mount(Mount mount);
  // Returns when all commands have ended.
  asio::awaitable<void> end_commands(std::chrono::seconds until_kill);

  // A stream on which the exec request was sent and the first frame, kStarted or kError, is there to be read. All four
  // throw NoAnswer.
  asio::awaitable<StreamPtr> exec(ExecRequest request);
  // A stream on which the request was sent and {"ok":true} was read.
  asio::awaitable<StreamPtr> copy(CopyRequest request);
  asio::awaitable<StreamPtr> port(PortRequest request);
  // A stream with records (change_format.h) until its FIN.
  asio::awaitable<StreamPtr> changes(ChangesRequest request);
  // Returns when they are gone. Throws NoAnswer, after Patience::discard.
  asio::awaitable<void> discard(DiscardRequest request);
  // From the machine's start or thaw on, before it is configured: waits for as long as it takes, as hello() does.
  asio::awaitable<StreamPtr> fuse(FuseRequest request);

  // Runs a command to its end without stdin and returns its result and output (stdout and stderr as they came, at most
  // max_bytes, the rest is dropped). For set-up work and tests.
  struct Output {
    ExecResult result;
    std::string text;
  };
  asio::awaitable<Output> run(ExecRequest request, size_t max_bytes = 1U << 20);

  Session& session();
  // For who accepts: it lives for as long as this is held.
  std::shared_ptr<Session> share_session();
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace caisson::link
