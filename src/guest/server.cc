// SPDX-License-Identifier: Apache-2.0

#include "guest/server.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/error.h"
#include "guest/changes.h"
#include "guest/control.h"
#include "guest/copy.h"
#include "guest/exec.h"
#include "guest/port.h"
#include "guest/waiting.h"
#include "link/message.h"

namespace caisson::guest {
namespace {

// A stream that breaks its protocol is reset when its last reference goes, at the end of this.
asio::awaitable<void> serve_stream(Guest& guest, link::StreamPtr stream) {
  try {
    const base::Json first = co_await link::read_message(*stream);
    const std::string service = link::service_of(first);
    if (service == "exec") {
      link::ExecRequest request = link::from_json<link::ExecRequest>(first);
      co_await serve_exec(guest, stream, std::move(request));
    } else if (service == "control") {
      co_await serve_control(guest, stream);
    } else if (service == "copy") {
      link::CopyRequest request = link::from_json<link::CopyRequest>(first);
      co_await serve_copy(guest, stream, std::move(request));
    } else if (service == "port") {
      const link::PortRequest request = link::from_json<link::PortRequest>(first);
      co_await serve_port(guest, stream, request);
    } else if (service == "fuse") {
      const link::FuseRequest request = link::from_json<link::FuseRequest>(first);
      co_await guest.workspaces.serve(stream, request);
    } else if (service == "changes") {
      const link::ChangesRequest request = link::from_json<link::ChangesRequest>(first);
      co_await serve_changes(guest, stream, request);
    } else if (service == "discard") {
      link::DiscardRequest request = link::from_json<link::DiscardRequest>(first);
      co_await serve_discard(guest, stream, std::move(request));
    }
  } catch (const base::Error&) {
    // The host's end of a control stream, a reset, a lost session: nobody is left to tell.
  }
}

asio::awaitable<void> accept_streams(Guest& guest, std::shared_ptr<link::Session> session) {
  try {
    while (true) {
      link::StreamPtr stream = co_await session->accept();
      guest.rehearsal.begin();
      asio::co_spawn(guest.executor, serve_stream(guest, std::move(stream)), asio::detached);
    }
  } catch (const base::Error&) {
  }
}

asio::awaitable<std::string> serve(Guest& guest, std::unique_ptr<link::Transport> transport) {
  const auto session = std::make_shared<link::Session>(guest.executor, std::move(transport), link::Role::kServer);
  guest.session = session;
  asio::co_spawn(guest.executor, accept_streams(guest, session), asio::detached);
  std::string reason = co_await session->run();
  // Nobody can see or stop them any more.
  guest.executions.signal_all(SIGKILL);
  co_return reason;
}

// While the host has not opened its end, a virtio port reads as ended and polls as hung up, so the change is what must
// be waited for: an epoll instance reports the port once when it is added, and then only when its state changes.
asio::awaitable<void> wait_for_host(Guest& guest, const base::Fd& port) {
  base::Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (!epoll || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, port.get(), &event) != 0)
    throw base::system_error("cannot watch", "link");
  Descriptor changes(guest.executor, std::move(epoll));
  while (true) {
    ::epoll_wait(changes.get(), &event, 1, 0);
    pollfd state{.fd = port.get(), .events = POLLIN, .revents = 0};
    ::poll(&state, 1, 0);
    if ((state.revents & POLLHUP) == 0) co_return;
    co_await changes.readable();
  }
}

}  // namespace

asio::awaitable<void> serve_port_for_ever(Guest& guest, base::Fd port) {
  while (true) {
    co_await wait_for_host(guest, port);
    co_await serve(guest, link::descriptor_transport(guest.executor, port.duplicate()));
  }
}

asio::awaitable<std::string> serve_pipes(Guest& guest, base::Fd in, base::Fd out) {
  auto transport = link::pipe_transport(guest.executor, std::move(in), std::move(out));
  co_return co_await serve(guest, std::move(transport));
}

asio::awaitable<std::string> serve_socket(Guest& guest, base::Fd socket) {
  auto transport = link::descriptor_transport(guest.executor, std::move(socket));
  co_return co_await serve(guest, std::move(transport));
}

}  // namespace caisson::guest
