// SPDX-License-Identifier: Apache-2.0

#include "cli/stream.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "cli/asking.h"
#include "cli/detach_keys.h"
#include "cli/output.h"
#include "cli/signal_queue.h"
#include "link/message.h"

namespace caisson::cli {
namespace {

using link::ExecFrame;

constexpr size_t kReceiveBytes = 256U << 10;
constexpr std::chrono::seconds kInsistWithin{2};

void append_frame(std::string& to, ExecFrame type, std::string_view payload) {
  std::array<uint8_t, link::kExecHeaderBytes> header{};
  link::encode_exec_header({type, static_cast<uint32_t>(payload.size())}, header);
  to.append(reinterpret_cast<const char*>(header.data()), header.size());
  to.append(payload);
}

class Loop {
 public:
  Loop(const StreamOptions& options, CommandControl& control)
      : options_(options),
        control_(control),
        signals_({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT}),
        output_(options.output),
        error_(options.error),
        asking_(options.questions, options.early_questions, options.input, options.error, Asking::Clock::now),
        size_(options.size),
        input_open_(options.send_input) {
    base::set_nonblocking(options.connection, true);
    received_.assign(options.early_bytes.begin(), options.early_bytes.end());
  }

  StreamEnd run() {
    consume();
    while (!end_) turn();
    if (end_->kind == StreamEnd::Kind::kExited) report_output_failure();
    return std::move(*end_);
  }

 private:
  // Waits for whatever can go on, and does it.
  void turn() {
    const bool may_read_input = (input_open_ && started_ && unsent_.empty()) || may_read_keys() || asking_.open();
    const bool may_receive = blocked_ == nullptr && !asking_.open();
    std::array<pollfd, 5> polled = {{
        {signals_.fd(), POLLIN, 0},
        {options_.connection, static_cast<short>((may_receive ? POLLIN : 0) | (unsent_.empty() ? 0 : POLLOUT)), 0},
        {may_read_input ? options_.input : -1, POLLIN, 0},
        {blocked_ != nullptr && !asking_.open() ? blocked_->fd() : -1, POLLOUT, 0},
        {asking_.fd(), POLLIN, 0},
    }};
    // A connection of which nothing is wanted would wake the loop with POLLHUP again and again.
    if (polled[1].events == 0) polled[1].fd = -1;
    if (poll(polled.data(), polled.size(), asking_.patience_ms()) < 0) {
      if (errno == EINTR) return;
      throw base::system_error("cannot wait for", "the sandbox");
    }
    if (polled[0].revents != 0) take_signals();
    if (!end_ && polled[3].revents != 0) consume();
    if (!end_ && (polled[1].revents & POLLOUT) != 0) send_unsent();
    if (!end_ && (polled[1].revents & ~POLLOUT) != 0 && may_receive && blocked_ == nullptr) receive();
    if (!end_ && polled[2].revents != 0) asking_.open() ? read_answer() : read_input();
    if (!end_ && polled[4].revents != 0) {
      asking_.receive();
      ask();
    }
    if (!end_) asking_.tick();
  }

  // --- questions about the network

  // Not before the command has started: the terminal has its mode from then on.
  void ask() {
    if (!started_) return;
    const bool was_open = asking_.open();
    asking_.show(raw_.has_value());
    if (was_open && !asking_.open()) give_back();
  }

  void read_answer() {
    std::array<char, 1024> buffer{};
    const ssize_t count = read(options_.input, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    bool interrupted = false;
    // A terminal that has gone, or ctrl-d: no.
    const std::string_view typed = count > 0 ? std::string_view(buffer.data(), static_cast<size_t>(count)) : "d\n";
    const std::optional<Asking::Reply> reply = asking_.take(typed, interrupted);
    if (!reply) return;
    asking_.settle(*reply, answer(*reply));
    if (interrupted && input_open_) {
      append_frame(unsent_, ExecFrame::kStdin, "\x03");
      send_unsent();
    }
    asking_.show(raw_.has_value());
    if (!asking_.open()) give_back();
  }

  // What is wrong with it, "" when it was taken.
  std::string answer(const Asking::Reply& reply) {
    try {
      control_.answer(reply.id, reply.answer);
      return {};
    } catch (const base::Error& error) {
      return error.what();
    }
  }

  // The question's lines have shifted what the command has drawn. A program that draws does it again when its window
  // changes.
  void give_back() {
    if (options_.tty && size_.rows > 1) {
      quietly([&] { control_.resize({static_cast<uint16_t>(size_.rows - 1), size_.columns}); });
      quietly([&] { control_.resize(size_); });
    }
    consume();
  }

  void finish(StreamEnd::Kind kind) { end_.emplace().kind = kind; }

  void fail(std::string error, std::string hint = {}, int exit_code = 125) {
    finish(StreamEnd::Kind::kFailed);
    end_->error = std::move(error);
    end_->hint = std::move(hint);
    end_->exit_code = exit_code;
  }

  void leave(int number) {
    finish(StreamEnd::Kind::kLeft);
    end_->signal = number;
  }

  // --- signals

  void take_signals() {
    while (!end_) {
      const std::optional<int> number = signals_.next();
      if (!number) return;
      if (*number == SIGCONT && raw_) raw_->apply_again();
      if (*number == SIGCONT && lines_) lines_->apply_again();
      if (*number == SIGWINCH || *number == SIGCONT) {
        follow_size();
      } else {
        forward(*number);
      }
    }
  }

  void follow_size() {
    if (!options_.tty || !started_) return;
    const auto now = terminal_size(options_.send_input ? options_.input : options_.output);
    if (!now || *now == size_) return;
    size_ = *now;
    quietly([&] { control_.resize(size_); });
  }

  void forward(int number) {
    if (!started_) return leave(number);
    if (number != SIGINT) return quietly([&] { control_.signal(number); });
    const auto now = std::chrono::steady_clock::now();
    const bool insists = last_interrupt_ && now - *last_interrupt_ <= kInsistWithin;
    interrupts_ = insists ? interrupts_ + 1 : 1;
    last_interrupt_ = now;
    if (interrupts_ > 2) return leave(number);
    quietly([&] { control_.signal(interrupts_ == 1 ? SIGINT : SIGKILL); });
  }

  // See CommandControl.
  template <typename Function>
  void quietly(Function function) {
    try {
      function();
    } catch (const base::Error&) {
    }
  }

  // --- from the user

  void set_up_terminal() {
    if (!is_terminal(options_.input)) return;
    if (options_.tty && options_.send_input) {
      raw_.emplace(options_.input);
    } else if (options_.detach_keys && (options_.send_input || (options_.read_keys && is_terminal(options_.output)))) {
      lines_.emplace(options_.input);
    }
  }

  // With nothing to send, only the keys are of interest.
  bool may_read_keys() const { return lines_ && !input_open_ && keys_open_ && may_use_terminal(options_.input); }

  void read_input() {
    std::array<char, link::kMaxExecFrameBytes> buffer{};
    const ssize_t count = read(options_.input, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    // EIO is how a terminal that has gone says it (and what a background process gets): the end, too.
    if (count <= 0) {
      if (!std::exchange(input_open_, false)) return void(keys_open_ = false);
      append_frame(unsent_, ExecFrame::kStdinEnd, {});
      return send_unsent();
    }
    const std::string_view typed(buffer.data(), static_cast<size_t>(count));
    if ((!raw_ && !lines_) || !options_.detach_keys) {
      append_frame(unsent_, ExecFrame::kStdin, typed);
      return send_unsent();
    }
    const DetachKeys::Result keys = detach_keys_.feed(typed);
    if (!keys.pass.empty() && input_open_) {
      // A ctrl-p that was held back can make one byte more than was read.
      const std::string_view pass = keys.pass;
      append_frame(unsent_, ExecFrame::kStdin, pass.substr(0, link::kMaxExecFrameBytes));
      if (pass.size() > link::kMaxExecFrameBytes)
        append_frame(unsent_, ExecFrame::kStdin, pass.substr(link::kMaxExecFrameBytes));
    }
    send_unsent();
    if (keys.detached && !end_) finish(StreamEnd::Kind::kDetached);
    if (keys.detached && lines_ && is_terminal(options_.error)) std::fputc('\n', stderr);  // behind the keys it shows
  }

  void send_unsent() {
    while (!unsent_.empty()) {
      const ssize_t count = send(options_.connection, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (count > 0) {
        unsent_.erase(0, static_cast<size_t>(count));
      } else if (errno == EAGAIN) {
        return;
      } else if (errno != EINTR) {
        // The other end does not read any more; what it wrote last (the exit) can still be there to be read.
        unsent_.clear();
        input_open_ = false;
      }
    }
  }

  // --- from the sandbox

  void receive() {
    std::array<uint8_t, kReceiveBytes>& buffer = *receive_buffer_;
    const ssize_t count = recv(options_.connection, buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
      return fail("the connection to the sandbox was lost", "`caisson ls` shows what became of it");
    }
    received_.assign(buffer.begin(), buffer.begin() + count);
    position_ = 0;
    consume();
  }

  // Works through what was received until it is used up, an output is full, or the stream ends.
  void consume() {
    blocked_ = nullptr;
    try {
      while (!end_ && blocked_ == nullptr && !asking_.open() && position_ < received_.size()) {
        if (payload_left_ == 0) {
          read_header();
        } else if (frame_ == ExecFrame::kStdout || frame_ == ExecFrame::kStderr) {
          write_payload();
        } else {
          collect_payload();
        }
      }
    } catch (const base::Error& error) {
      fail("the sandbox's keeper sent what cannot be understood: " + error.problem());
    }
  }

  std::span<const uint8_t> available(size_t most) const {
    return std::span(received_).subspan(position_, std::min(most, received_.size() - position_));
  }

  void read_header() {
    const auto bytes = available(header_.size() - header_have_);
    std::copy(bytes.begin(), bytes.end(), header_.begin() + static_cast<ptrdiff_t>(header_have_));
    position_ += bytes.size();
    header_have_ += bytes.size();
    if (header_have_ < header_.size()) return;
    header_have_ = 0;
    const link::ExecHeader header = link::decode_exec_header(header_);
    frame_ = header.type;
    payload_left_ = header.length;
    message_.clear();
    if (payload_left_ == 0) end_payload();
  }

  void write_payload() {
    Output& to = frame_ == ExecFrame::kStdout ? output_ : error_;
    const size_t taken = to.write_some(available(payload_left_));
    position_ += taken;
    payload_left_ -= taken;
    if (taken == 0) blocked_ = &to;
    if (to.error() != 0 && !told_of_loss_) {
      told_of_loss_ = true;
      quietly([&] { control_.signal(SIGPIPE); });
    }
  }

  void collect_payload() {
    const auto bytes = available(payload_left_);
    message_.append(bytes.begin(), bytes.end());
    position_ += bytes.size();
    payload_left_ -= bytes.size();
    if (payload_left_ == 0) end_payload();
  }

  void end_payload() {
    switch (frame_) {
      case ExecFrame::kStarted:
        control_.started(link::from_json<link::ExecStarted>(base::parse_json_object(message_, "the start's message")));
        started_ = true;
        set_up_terminal();
        follow_size();
        ask();
        return;
      case ExecFrame::kExit:
        finish(StreamEnd::Kind::kExited);
        end_->result = keeper::exit_from_json(base::parse_json_object(message_, "the exit's message"));
        return;
      case ExecFrame::kError:
        return take_error();
      case ExecFrame::kStdout:
      case ExecFrame::kStderr:
        return;  // empty ones
      default:
        throw base::Error("a frame that only the client sends");
    }
  }

  void take_error() {
    const base::Json json = base::parse_json_object(message_, "the error's message");
    base::JsonReader reader(json, "the error's message");
    auto error = reader.required<std::string>("error");
    auto hint = reader.optional<std::string>("hint", "");
    const int exit_code = reader.optional<int>("exit_code", 125);
    fail(std::move(error), std::move(hint), exit_code > 0 && exit_code < 256 ? exit_code : 125);
  }

  // Output that was lost for another reason than a reader that has gone is a failure of the whole, even after exit 0.
  void report_output_failure() {
    for (const Output* to : {&output_, &error_}) {
      if (to->error() == 0 || to->error() == EPIPE) continue;
      const char* name = to == &output_ ? "stdout" : "stderr";
      return fail(fmt::format("cannot write the command's output to {}: {}", name, strerror(to->error())));
    }
  }

  const StreamOptions& options_;
  CommandControl& control_;
  SignalQueue signals_;
  Output output_;
  Output error_;
  Asking asking_;
  Output* blocked_ = nullptr;  // the output that is full
  TerminalSize size_;
  bool input_open_;
  bool keys_open_ = true;  // the terminal, when input_open_ is over
  bool started_ = false;
  bool told_of_loss_ = false;
  int interrupts_ = 0;
  std::optional<std::chrono::steady_clock::time_point> last_interrupt_;
  DetachKeys detach_keys_;
  std::string unsent_;

  std::unique_ptr<std::array<uint8_t, kReceiveBytes>> receive_buffer_ =
      std::make_unique<std::array<uint8_t, kReceiveBytes>>();
  std::vector<uint8_t> received_;
  size_t position_ = 0;
  std::array<uint8_t, link::kExecHeaderBytes> header_{};
  size_t header_have_ = 0;
  ExecFrame frame_ = ExecFrame::kStdout;
  size_t payload_left_ = 0;
  std::string message_;

  std::optional<StreamEnd> end_;
  // Last: the terminal is restored first. At most one of the two.
  std::optional<RawMode> raw_;
  std::optional<DetachableLines> lines_;
};

}  // namespace

StreamEnd run_stream(const StreamOptions& options, CommandControl& control) {
  return Loop(options, control).run();
}

}  // namespace caisson::cli
