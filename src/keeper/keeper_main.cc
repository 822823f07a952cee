// SPDX-License-Identifier: Apache-2.0

// The keeper's process: one thread, one event loop, one sandbox.

#include <sys/prctl.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "keeper/api.h"
#include "keeper/clock.h"
#include "keeper/launch.h"
#include "keeper/life.h"

namespace caisson::keeper {
namespace {

constexpr std::chrono::seconds kStopLimit{10};

int descriptor_of(const std::string& text) {
  const std::optional<int> number = base::parse_number<int>(text);
  if (!number || *number < 3) throw base::Error("keeper: " + base::in_quotes(text) + " is not a descriptor");
  return *number;
}

LifeOptions parse(const std::vector<std::string>& arguments) {
  LifeOptions options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool has_value = i + 1 < arguments.size();
    if (argument == "--folder" && has_value) {
      options.folder = arguments[++i];
    } else if (argument == "--api-fd" && has_value) {
      options.first_connection = base::Fd(descriptor_of(arguments[++i]));
    } else if (argument == "--lock-fd" && has_value) {
      options.lock = base::Fd(descriptor_of(arguments[++i]));
    } else if (argument == "--wait-for-attach") {
      options.wait_for_attach = true;
    } else if (argument == "--end-with-client") {
      options.end_with_client = true;
    } else if (argument == "--stays") {
      options.stays = true;
    } else {
      throw base::Error("keeper: the argument " + base::in_quotes(argument) + " is not known",
                        "caisson starts keepers by itself: `caisson run`");
    }
  }
  if (options.folder.empty() || !options.lock || !options.first_connection)
    throw base::Error("keeper: --folder, --api-fd and --lock-fd are needed",
                      "caisson starts keepers by itself: `caisson run`");
  return options;
}

// Every published connection costs a descriptor. The soft limit is the shell's business, the hard one is not touched.
void use_all_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

void ignore_signals() {
  for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGQUIT}) ::signal(number, SIG_IGN);
}

// Nothing can be served: the first request is answered unread.
void answer_failure(int connection, const base::Error& error) {
  const std::string body = base::to_line(failure(500, error.problem(), error.hint()).body) + "\n";
  const std::string text =
      "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  try {
    base::write_all(connection, {text.data(), text.size()}, "the first client");
  } catch (const base::Error&) {
    // It has gone; keeper.log has it too.
  }
}

// Whoever has read the answer can use the name again.
void fail(const std::string& folder, const base::Fd& connection, const base::Error& error) {
  std::cerr << error.what() << std::endl;
  if (!folder.empty()) discard_unstarted(folder);
  if (connection) answer_failure(connection.get(), error);
}

// `connection`: a second descriptor of the first connection, for as long as errors have to be told by hand.
void live(LifeOptions options, base::Fd& connection) {
  const std::unique_ptr<engine::Engine> engine = engine_named(read_plan(options.folder).engine);
  asio::io_context io(1);
  const auto life = std::make_shared<Life>(io.get_executor(), *engine, std::move(options));
  connection.reset();
  asio::signal_set terminate(io, SIGTERM);
  terminate.async_wait([&life](boost::system::error_code error, int) {
    if (!error) life->request_stop(kStopLimit, "its keeper was told to end");
  });
  std::exception_ptr failure;
  asio::co_spawn(io, life->run(), [&](const std::exception_ptr& thrown) {
    failure = thrown;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int keeper_main(const std::vector<std::string>& arguments) {
  const int64_t began = monotonic_us();
  ignore_signals();
  use_all_descriptors();
  base::Fd connection;
  std::string folder;
  try {
    LifeOptions options = parse(arguments);
    folder = options.folder;
    options.stages_us["keeper"] = began;
    connection = options.first_connection.duplicate();
    live(std::move(options), connection);
    return 0;
  } catch (const base::Error& error) {
    fail(folder, connection, error);
  } catch (const std::exception& error) {
    fail(folder, connection, base::Error(std::string("the keeper failed: ") + base::escaped(error.what())));
  }
  return kExitOurs;
}

}  // namespace caisson::keeper
