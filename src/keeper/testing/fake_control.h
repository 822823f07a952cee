// SPDX-License-Identifier: Apache-2.0

// A Control that does nothing and remembers what it was asked.
#pragma once

#include "keeper/control.h"

namespace caisson::keeper {

class FakeControl : public Control {
 public:
  std::string asked;

  base::Json describe() override {
    asked = "describe";
    return base::Json{{"name", "fake"}};
  }
  asio::awaitable<void> ready() override {
    asked = "ready";
    co_return;
  }
  asio::awaitable<void> configured() override {
    asked = "configured";
    co_return;
  }
  asio::awaitable<base::Json> stats() override {
    asked = "stats";
    co_return base::Json::object();
  }
  StreamHandler attach(bool first) override {
    asked = first ? "attach first" : "attach";
    return echo;
  }
  void detach() override { asked = "detach"; }
  StreamHandler exec(link::ExecRequest request) override {
    asked = "exec " + request.argv.at(0);
    return echo;
  }
  asio::awaitable<StreamHandler> copy(link::CopyRequest request) override {
    asked = "copy " + request.path;
    StreamHandler handler = echo;
    co_return handler;
  }
  asio::awaitable<StreamHandler> changes(link::ChangesRequest request) override {
    asked = "changes " + std::to_string(request.id) + (request.content ? " content" : "");
    StreamHandler handler = echo;
    co_return handler;
  }
  asio::awaitable<base::Json> commits(uint32_t id) override {
    asked = "commits " + std::to_string(id);
    co_return base::Json::object();
  }
  asio::awaitable<void> discard(link::DiscardRequest request) override {
    asked = "discard " + std::to_string(request.id) + " " + std::to_string(request.paths.size());
    co_return;
  }
  asio::awaitable<void> signal(CommandId command, int number) override {
    asked = "signal " + (command.main ? "main" : std::to_string(command.id)) + " " + std::to_string(number);
    co_return;
  }
  void let_go(uint64_t exec_id) override { asked = "let go " + std::to_string(exec_id); }
  asio::awaitable<void> resize(CommandId command, link::TtySize size) override {
    asked = "resize " + (command.main ? "main" : std::to_string(command.id)) + " " + std::to_string(size.rows) + "x" +
            std::to_string(size.columns);
    co_return;
  }
  base::Json policy() override {
    asked = "policy";
    return base::Json::object();
  }
  void change_policy(const PolicyChange& change) override {
    asked = "change policy -" + std::to_string(change.remove.size()) + " +" + std::to_string(change.add.size());
  }
  StreamHandler questions() override {
    asked = "questions";
    return echo;
  }
  void answer_question(const QuestionAnswer& answer) override {
    asked = "answer " + std::to_string(answer.id) + " " + to_json(answer)["answer"].get<std::string>();
  }
  asio::awaitable<void> stop(std::chrono::seconds timeout) override {
    asked = "stop " + std::to_string(timeout.count());
    co_return;
  }

 private:
  static asio::awaitable<void> echo(ChannelPtr channel) {
    std::vector<uint8_t> buffer(1000);
    try {
      while (const size_t count = co_await channel->read_some(buffer)) {
        const std::span<const uint8_t> part(buffer.data(), count);
        co_await channel->write(part);
      }
    } catch (const base::Error&) {
    }
    channel->shutdown_write();
  }
};

}  // namespace caisson::keeper
