// SPDX-License-Identifier: Apache-2.0

// The sandbox's workspaces on this side: for each a process of caisson-share that serves the folder over FUSE's
// protocol, confined to it, and a stream of the link that carries the messages. This process only moves bytes.
//
//   open()    before anything is started: a folder that is not there is an error of the start
//   start()   beside the thaw: a process for each
//   connect() as soon as there is a link: the guest makes the file systems and mounts them beside its configuration
//   mounted() before anything of the user's runs
//
// A process that ends takes its workspace with it (the guest's programs get ENOTCONN), and nothing else.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "keeper/record.h"
#include "link/guest_client.h"
#include "spec/sandbox_spec.h"

namespace caisson::keeper {

namespace asio = boost::asio;

class Shares {
 public:
  struct Options {
    std::string folder;   // the sandbox's
    std::string program;  // caisson-share; "" to look for it
    // A workspace was lost, and how: "its server was ended by signal 9 (Killed)".
    std::function<void(const spec::Workspace&, const std::string& how)> on_lost;
  };
  Shares(asio::any_io_executor executor, Options options);
  ~Shares();  // closes
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  // Throws base::Error that names the workspace.
  void open(const spec::SandboxSpec& spec);
  // Throws base::Error. The processes die with this one.
  void start();
  // `guest` must live until close(). Errors are mounted()'s to tell.
  void connect(link::GuestClient& guest);
  // Returns when all are in their places. Throws base::Error when one of them is not.
  asio::awaitable<void> mounted();
  // Ends the processes.
  void close();

  std::vector<ShareState> states() const;

 private:
  struct Share;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace caisson::keeper
