// SPDX-License-Identifier: Apache-2.0

// The command that a sandbox was made for: its output goes to output.log and to the client that is attached, at the
// pace of that client; its input comes from there.
//
// Memory is bounded by one FrameReader and what the link and the sockets hold: nothing is read from the guest while the
// client does not take what was read before.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/rotated_file.h"
#include "keeper/control.h"
#include "keeper/frames.h"
#include "keeper/turn.h"
#include "link/event.h"
#include "link/guest_client.h"

namespace caisson::keeper {

// The command could not be started, or the guest broke the rules: what the client is told.
class CommandFailed : public base::Error {
 public:
  explicit CommandFailed(const CommandError& error)
      : base::Error(error.error, error.hint), exit_code_(error.exit_code) {}
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

class MainCommand : public std::enable_shared_from_this<MainCommand> {
 public:
  // `on_gone` is called when an attached client has disappeared that was not detached; with whether it was the first.
  MainCommand(asio::any_io_executor executor, const std::string& folder, std::function<void(bool first)> on_gone);

  // Reserves the place of the attached client; throws ApiFailure where there is one.
  StreamHandler attach(bool first);
  void detach();

  // Returns when the guest says that the command runs; throws CommandFailed, or base::Error when the link ends.
  asio::awaitable<void> start(link::GuestClient& guest, link::ExecRequest request);
  // Moves output until the command's end.
  asio::awaitable<link::ExecResult> finish();
  // The id of the command in the guest, once it has started.
  std::optional<uint64_t> id() const { return id_; }

  // A line in the keeper's own words, for the attached client's stderr.
  void tell(const std::string& line);
  // The same for the first client, right behind the command's start. To be called before that.
  void tell_first(const std::string& line);
  // Bytes of its output that output.log has no room for.
  uint64_t lost_output_bytes() const { return output_.lost_bytes(); }

  // Gives the attached client its last frame, behind all output; returns when it has it, or has gone.
  asio::awaitable<void> deliver(std::vector<uint8_t> frame);
  size_t buffered_bytes() const;

 private:
  struct Client;

  asio::awaitable<void> serve(ChannelPtr channel, bool first);
  asio::awaitable<void> greet(std::shared_ptr<Client> client);
  asio::awaitable<void> take_input(std::shared_ptr<Client> client);
  asio::awaitable<void> to_command(std::span<const uint8_t> frames);
  asio::awaitable<void> watch(std::shared_ptr<Client> client);
  asio::awaitable<void> send(std::shared_ptr<Client> client, std::span<const uint8_t> bytes);
  asio::awaitable<void> send_or_drop(std::shared_ptr<Client> client, std::vector<uint8_t> frame);
  asio::awaitable<void> pass_on(FrameBatch batch);
  void drop(std::shared_ptr<Client> client);

  asio::any_io_executor executor_;
  base::RotatedFile output_;
  std::function<void(bool)> on_gone_;
  link::Event changed_;
  Turn input_turn_;

  bool reserved_ = false;  // from attach() until the client has gone
  std::shared_ptr<Client> client_;
  link::StreamPtr stream_;
  std::unique_ptr<FrameReader> reader_;
  std::vector<uint8_t> started_frame_;
  std::string first_notice_;
  std::optional<link::TtySize> tty_;  // of the command
  std::optional<uint64_t> id_;
  bool pumping_ = false;
  bool ended_ = false;
};

}  // namespace caisson::keeper
