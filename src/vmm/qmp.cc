// SPDX-License-Identifier: Apache-2.0

#include "vmm/qmp.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>

#include "base/error.h"
#include "base/text.h"
#include "vmm/qmp_ahead.h"

namespace caisson::vmm {
namespace {

constexpr size_t kMaxKeptEvents = 256;
constexpr size_t kMaxQuotedBytes = 400;
constexpr size_t kMaxWordBytes = 32;

struct EventName {
  std::string_view name;
  QmpEvent kind;
  const char* word;  // the key of its data that is kept
};
constexpr EventName kEventNames[] = {
    {"BLOCK_IO_ERROR", QmpEvent::kBlockIoError, "action"},
    {"MIGRATION", QmpEvent::kMigration, "status"},
};

base::Error broken(const std::string& what) {
  return base::Error("QEMU's control socket: " + what);
}

std::string text_of_error(const base::Json& answer) {
  const base::Json& error = answer.at("error");
  if (!error.is_object() || !error.contains("desc") || !error.at("desc").is_string()) return "an error without a text";
  return base::escaped(error.at("desc").get<std::string>().substr(0, kMaxQuotedBytes));
}

std::string word_of(const base::Json& message, const char* key) {
  if (!message.contains("data")) return {};
  const base::Json& data = message.at("data");
  if (!data.is_object() || !data.contains(key) || !data.at(key).is_string()) return {};
  const auto& word = data.at(key).get_ref<const std::string&>();
  return word.size() <= kMaxWordBytes ? word : std::string();
}

}  // namespace

struct Qmp::State {
  struct Event {
    QmpEvent kind;
    std::string word;
  };

  State(asio::any_io_executor executor, base::Fd fd) : socket(executor) {
    socket.assign(asio::local::stream_protocol(), fd.release());
  }

  // The next line as an object.
  asio::awaitable<base::Json> read_object() {
    auto buffer = asio::dynamic_buffer(received, kMaxQmpLineBytes);
    const auto token = asio::as_tuple(asio::use_awaitable);
    const auto [error, length] = co_await asio::async_read_until(socket, buffer, '\n', token);
    if (error == asio::error::not_found) throw broken("a line of more than 64 KiB");
    if (error == asio::error::eof) throw broken("QEMU has ended");
    if (error) throw broken(error.message());
    const std::string line = received.substr(0, length);
    received.erase(0, length);
    co_return base::parse_json_object(line, "QEMU's answer");
  }

  void keep_event(const base::Json& message) {
    if (!message.at("event").is_string()) throw broken("an event without a name");
    const auto& name = message.at("event").get_ref<const std::string&>();
    for (const EventName& known : kEventNames) {
      if (known.name == name) events.push_back({.kind = known.kind, .word = word_of(message, known.word)});
    }
    if (events.size() > kMaxKeptEvents) events.pop_front();
  }

  // Sorts one message away; returns it when it answers the command `id`.
  std::optional<base::Json> sort(base::Json message, const base::Json& id) {
    if (message.contains("QMP")) return std::nullopt;
    if (message.contains("event")) {
      keep_event(message);
      return std::nullopt;
    }
    const bool failed = message.contains("error");
    if (!failed && !message.contains("return")) throw broken("a message of no known kind");
    const base::Json its_id = message.contains("id") ? message.at("id") : base::Json();
    if (its_id == kAheadId) {
      if (failed) throw base::Error("QEMU refused what it was given at its start: " + text_of_error(message));
      return std::nullopt;
    }
    if (its_id != id) throw broken("an answer to nothing that was asked");
    return message;
  }

  asio::local::stream_protocol::socket socket;
  std::string received;
  std::deque<Event> events;
  uint64_t next_id = 1;
};

Qmp::Qmp(asio::any_io_executor executor, base::Fd socket)
    : state_(std::make_shared<State>(executor, std::move(socket))) {}

Qmp::~Qmp() {
  state_->socket.close();
}

asio::awaitable<base::Json> Qmp::execute(std::string command, base::Json arguments) {
  const std::shared_ptr<State> state = state_;
  const base::Json id = state->next_id++;
  const std::string text =
      base::to_line({{"execute", command}, {"arguments", std::move(arguments)}, {"id", id}}) + "\n";
  const auto token = asio::as_tuple(asio::use_awaitable);
  const auto [error, written] = co_await asio::async_write(state->socket, asio::buffer(text), token);
  if (error) throw broken(error.message());
  for (;;) {
    base::Json message = co_await state->read_object();
    std::optional<base::Json> answer = state->sort(std::move(message), id);
    if (!answer) continue;
    if (answer->contains("error")) throw base::Error("QEMU refused '" + command + "': " + text_of_error(*answer));
    co_return answer->at("return");
  }
}

asio::awaitable<std::string> Qmp::wait_event(QmpEvent kind) {
  const std::shared_ptr<State> state = state_;
  for (;;) {
    for (auto event = state->events.begin(); event != state->events.end(); ++event) {
      if (event->kind != kind) continue;
      std::string word = std::move(event->word);
      state->events.erase(event);
      co_return word;
    }
    base::Json message = co_await state->read_object();
    state->sort(std::move(message), base::Json());
  }
}

void Qmp::forget_events(QmpEvent kind) {
  std::erase_if(state_->events, [kind](const State::Event& event) { return event.kind == kind; });
}

asio::awaitable<void> freeze(Qmp& qmp) {
  // Not stopped first: the state then says "running", and a clone runs on by itself once it is loaded. QEMU stops the
  // machine before it writes the devices' state, and RAM is not written at all (x-ignore-shared): it is in its file
  // already.
  base::Json arguments = {{"uri", std::string("fd:") + kStateName}};
  const std::string command = "migrate";
  co_await qmp.execute(command, std::move(arguments));
  for (;;) {
    const std::string status = co_await qmp.wait_event(QmpEvent::kMigration);
    if (status.empty()) throw broken("a MIGRATION event without a status");
    if (status == "completed") break;
    if (status == "failed" || status == "cancelled")
      throw base::Error("QEMU could not freeze the machine: migration " + status);
  }
  const std::string quit = "quit";
  base::Json nothing = base::Json::object();
  co_await qmp.execute(quit, std::move(nothing));
}

}  // namespace caisson::vmm
