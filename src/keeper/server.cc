// SPDX-License-Identifier: Apache-2.0

#include "keeper/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/scope.h"
#include "base/text.h"
#include "keeper/accept_pause.h"
#include "keeper/connection.h"
#include "link/event.h"

namespace caisson::keeper {
namespace {

using asio::local::stream_protocol;
using boost::system::error_code;

constexpr size_t kMaxApiConnections = 64;

// The folder may be a leftover; only one that is ours and closed to others is used.
void make_private_folder(const std::string& folder) {
  base::make_folders(folder);
  struct stat info {};
  if (::lstat(folder.c_str(), &info) != 0) throw base::system_error("cannot look at", folder);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    throw base::Error("will not use " + base::in_quotes(folder) + ": it is not a folder that only this user can enter",
                      "remove it");
}

// Through the folder's descriptor: a socket's path has at most 107 bytes (unix(7)).
base::Fd bind_socket(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = path.substr(0, slash);
  make_private_folder(folder);
  ::unlink(path.c_str());
  const base::Fd folder_fd = base::open_file(folder, O_RDONLY | O_DIRECTORY);
  const std::string short_path = "/proc/self/fd/" + std::to_string(folder_fd.get()) + path.substr(slash);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (short_path.size() >= sizeof address.sun_path) throw base::Error("the socket's name is too long: " + path);
  short_path.copy(address.sun_path, short_path.size());
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), kMaxApiConnections) != 0)
    throw base::system_error("cannot listen on", path);
  return socket;
}

bool is_trusted_peer(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::any_io_executor on, Control& controlled)
      : executor(std::move(on)), control(controlled), acceptor(executor), traffic(executor) {}

  asio::any_io_executor executor;
  Control& control;
  stream_protocol::acceptor acceptor;
  std::string socket_path;
  Traffic traffic;
};

namespace {

asio::awaitable<void> serve([[maybe_unused]] std::shared_ptr<void> alive, ConnectionOptions options) {
  co_await serve_connection(std::move(options));
}

}  // namespace

Server::Server(asio::any_io_executor executor, Control& control)
    : state_(std::make_shared<State>(std::move(executor), control)) {}

Server::~Server() {
  close();
}

namespace {

void nothing() {}

template <typename State>
asio::awaitable<void> accept_loop(std::shared_ptr<State> state) {
  while (state->acceptor.is_open()) {
    while (state->traffic.connections >= kMaxApiConnections) co_await state->traffic.changed.wait();
    error_code error;
    try {
      stream_protocol::socket socket(state->executor);
      co_await state->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted || !state->acceptor.is_open()) co_return;
      if (!error && is_trusted_peer(socket.native_handle())) {
        ConnectionOptions options{state->executor, &state->control, base::Fd(socket.release()),
                                  false,           nothing,         &state->traffic};
        asio::co_spawn(state->executor, serve(state, std::move(options)), asio::detached);
      }
    } catch (const std::bad_alloc&) {
      error = asio::error::no_memory;
    }
    if (error) co_await pause_after_failed_accept(state->executor);
  }
}

}  // namespace

void Server::listen(const std::string& socket_path) {
  base::Fd socket = bind_socket(socket_path);
  state_->socket_path = socket_path;
  state_->acceptor.assign(stream_protocol(), socket.release());
  asio::co_spawn(state_->executor, accept_loop(state_), asio::detached);
}

void Server::serve_first(base::Fd connection, std::function<void()> on_gone) {
  ++state_->traffic.requests;  // the one that will come
  ConnectionOptions options{state_->executor,   &state_->control, std::move(connection), true,
                            std::move(on_gone), &state_->traffic};
  asio::co_spawn(state_->executor, serve(state_, std::move(options)), asio::detached);
}

void Server::close() {
  if (!state_->acceptor.is_open()) return;
  error_code ignored;
  state_->acceptor.close(ignored);
  ::unlink(state_->socket_path.c_str());
  ::rmdir(state_->socket_path.substr(0, state_->socket_path.rfind('/')).c_str());
  state_->traffic.changed.notify_all();
}

asio::awaitable<void> Server::drained() {
  const std::shared_ptr<State> state = state_;
  while (state->traffic.requests != 0) co_await state->traffic.changed.wait();
}

}  // namespace caisson::keeper
