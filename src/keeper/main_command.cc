// SPDX-License-Identifier: Apache-2.0

#include "keeper/main_command.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/scope.h"
#include "base/text.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;

constexpr size_t kMaxOutputBytes = 8U << 20;

}  // namespace

struct MainCommand::Client {
  Client(asio::any_io_executor executor, ChannelPtr connected, bool is_first)
      : channel(std::move(connected)), first(is_first), output_turn(std::move(executor)) {}

  ChannelPtr channel;
  bool first;
  bool greeted = false;  // has its kStarted frame: output may follow
  bool gone = false;
  bool detached = false;
  Turn output_turn;
};

MainCommand::MainCommand(asio::any_io_executor executor, const std::string& folder,
                         std::function<void(bool first)> on_gone)
    : executor_(executor),
      output_(folder + "/output.log", kMaxOutputBytes),
      on_gone_(std::move(on_gone)),
      changed_(executor),
      input_turn_(executor) {}

StreamHandler MainCommand::attach(bool first) {
  if (ended_) throw ApiFailure(409, "the command has ended");
  if (reserved_) throw ApiFailure(409, "another client is attached", "detach it with ctrl-p ctrl-q");
  reserved_ = true;
  auto self = shared_from_this();
  return [self, first](ChannelPtr channel) { return self->serve(std::move(channel), first); };
}

void MainCommand::detach() {
  if (!client_) return;
  client_->detached = true;
  drop(client_);
}

asio::awaitable<void> MainCommand::serve(ChannelPtr channel, bool first) {
  const auto self = shared_from_this();
  const auto client = std::make_shared<Client>(executor_, std::move(channel), first);
  client_ = client;
  changed_.notify_all();
  asio::co_spawn(executor_, watch(client), asio::detached);
  try {
    co_await greet(client);
    co_await take_input(client);
  } catch (const std::exception&) {
    // The connection or the link has ended; who owns the sandbox's end has noticed by itself.
  }
  drop(client);
}

// Ends the client's part: it has gone, or was detached.
void MainCommand::drop(std::shared_ptr<Client> client) {
  if (client->gone) return;
  client->gone = true;
  client->channel->close();
  if (client_ == client) {
    client_ = nullptr;
    reserved_ = false;
  }
  changed_.notify_all();
  if (!client->detached && !ended_) on_gone_(client->first);
}

asio::awaitable<void> MainCommand::watch(std::shared_ptr<Client> client) {
  const auto self = shared_from_this();
  co_await client->channel->wait_gone();
  drop(client);
}

asio::awaitable<void> MainCommand::send(std::shared_ptr<Client> client, std::span<const uint8_t> bytes) {
  const Turn::Held held = co_await client->output_turn.take();
  co_await client->channel->write(bytes);
}

asio::awaitable<void> MainCommand::greet(std::shared_ptr<Client> client) {
  while (started_frame_.empty() && !ended_ && !client->gone) co_await changed_.wait();
  if (!started_frame_.empty()) co_await send(client, started_frame_);
  if (!started_frame_.empty() && client->first && !first_notice_.empty()) {
    const std::vector<uint8_t> frame = notice_frame(first_notice_, tty_);
    co_await send(client, frame);
  }
  client->greeted = true;
  changed_.notify_all();
}

asio::awaitable<void> MainCommand::take_input(std::shared_ptr<Client> client) {
  FrameReader reader(source_of(client->channel));
  while (true) {
    const FrameBatch batch = co_await reader.next();
    if (batch.bytes.empty()) co_return;
    if (batch.type != ExecFrame::kStdin && batch.type != ExecFrame::kStdinEnd)
      throw base::Error("a client sent a frame that it must not");
    const Turn::Held held = co_await input_turn_.take();
    if (client->gone) co_return;
    co_await to_command(batch.bytes);
  }
}

// What a command does not take any more is dropped; its client still waits for the rest of the output.
asio::awaitable<void> MainCommand::to_command(std::span<const uint8_t> frames) {
  if (ended_ || !stream_) co_return;
  try {
    co_await stream_->write(frames);
  } catch (const base::Error&) {
  }
}

asio::awaitable<void> MainCommand::start(link::GuestClient& guest, link::ExecRequest request) {
  tty_ = request.tty;
  stream_ = co_await guest.exec(std::move(request));
  reader_ = std::make_unique<FrameReader>(source_of(stream_));
  const FrameBatch first = co_await reader_->next();
  if (!first.bytes.empty() && first.type == ExecFrame::kError)
    throw CommandFailed(command_error_from_guest(first.payload()));
  if (first.bytes.empty() || first.type != ExecFrame::kStarted)
    throw base::Error("the guest did not say that the command started");
  const auto started =
      link::from_json<link::ExecStarted>(base::parse_json_object(first.payload(), "the guest's answer"));
  id_ = started.id;
  pumping_ = true;
  started_frame_ = make_frame(ExecFrame::kStarted, to_json(started));
  changed_.notify_all();
}

asio::awaitable<void> MainCommand::pass_on(FrameBatch batch) {
  batch.for_each([this](std::string_view payload) { output_.append(payload); });
  // A client that is about to be greeted gets this output too.
  while (client_ && !client_->greeted) co_await changed_.wait();
  const std::shared_ptr<Client> client = client_;
  if (!client) co_return;
  try {
    co_await send(client, batch.bytes);
  } catch (const base::Error&) {
    drop(client);
  }
}

asio::awaitable<link::ExecResult> MainCommand::finish() {
  const auto self = shared_from_this();
  base::Scope stopped([this] {
    pumping_ = false;
    changed_.notify_all();
  });
  while (true) {
    const FrameBatch batch = co_await reader_->next();
    if (batch.bytes.empty()) throw base::Error("the guest closed the command's stream before its end");
    if (batch.is_output()) {
      co_await pass_on(batch);
    } else if (batch.type == ExecFrame::kExit) {
      co_return link::from_json<link::ExecResult>(base::parse_json_object(batch.payload(), "the guest's result"));
    } else if (batch.type == ExecFrame::kError) {
      throw CommandFailed(command_error_from_guest(batch.payload()));
    } else {
      throw base::Error("the guest sent a frame that it must not");
    }
  }
}

void MainCommand::tell(const std::string& line) {
  if (!client_ || !client_->greeted || ended_) return;
  asio::co_spawn(executor_, send_or_drop(client_, notice_frame(line, tty_)), asio::detached);
}

void MainCommand::tell_first(const std::string& line) {
  first_notice_ = line;
}

asio::awaitable<void> MainCommand::send_or_drop(std::shared_ptr<Client> client, std::vector<uint8_t> frame) {
  const auto self = shared_from_this();
  try {
    co_await send(client, frame);
  } catch (const base::Error&) {
    drop(client);
  }
}

asio::awaitable<void> MainCommand::deliver(std::vector<uint8_t> frame) {
  const auto self = shared_from_this();
  ended_ = true;
  changed_.notify_all();
  while (pumping_ || (reserved_ && (!client_ || !client_->greeted))) co_await changed_.wait();
  const std::shared_ptr<Client> client = client_;
  if (!client) co_return;
  try {
    co_await send(client, frame);
    client->channel->shutdown_write();
  } catch (const base::Error&) {
    drop(client);
  }
}

size_t MainCommand::buffered_bytes() const {
  return reader_ ? reader_->buffered_bytes() : 0;
}

}  // namespace caisson::keeper
