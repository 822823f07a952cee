// SPDX-License-Identifier: Apache-2.0

// A template is everything a sandbox needs, done once: the kernel booted, the root mounted, dockerd up, the
// caisson/hello image loaded, and the ways that every start takes walked once so that what they touch is in memory.
// Then init forgets its identity, the machine is frozen, and its RAM, device state and disk are kept. Nothing of a user
// is in it, and nothing that two sandboxes must not share stays in use: init gives each clone a new identity, time and
// entropy before it runs anything.
#include "engine/microvm/template_maker.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <optional>

#include "base/disk_space.h"
#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "engine/microvm/console.h"
#include "engine/microvm/disk.h"
#include "engine/microvm/disk_space.h"
#include "engine/microvm/group_name.h"
#include "engine/microvm/template_failure.h"
#include "link/guest_client.h"
#include "sys/cgroup.h"
#include "vmm/process.h"
#include "vmm/qmp.h"

namespace caisson::engine::microvm {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Several times what a slow emulated machine with a busy host was seen to need; a guest that is still silent then
// hangs.
constexpr auto kBootLimit = 240s;
constexpr auto kProgressInterval = 200ms;
// Between the end of the link or of QMP and that of the process is its tear-down.
constexpr auto kEndPatience = 2s;
constexpr size_t kConsoleTailBytes = 1500;
constexpr const char* kTemplate = "template";  // names of the machines' cgroups begin so
constexpr const char* kLoadHello =
    "test ! -e /usr/share/caisson/hello.tar || docker load -q -i /usr/share/caisson/hello.tar";

std::string console_tail(const std::string& path) {
  const std::string text = base::read_file_if_exists(path).value_or("");
  const std::string tail = text.substr(text.size() - std::min(text.size(), kConsoleTailBytes));
  if (base::trimmed(tail).empty()) return {};
  std::string out = "; the guest's console ended with:";
  for (const std::string& line : base::split(tail, '\n')) out += "\n  " + base::escaped(base::trimmed(line));
  return out;
}

class Maker {
 public:
  Maker(TemplatePlan plan, std::string folder, base::Progress& progress)
      : parts_(std::move(plan.shape)),
        largest_file_(largest_file(plan.disk_size, parts_.memory)),
        authorities_(std::move(plan.authorities)),
        folder_(std::move(folder)),
        console_(folder_ + "/console.log"),
        progress_(progress) {}

  void run() {
    std::optional<base::Error> failure;
    asio::co_spawn(context_, work(), [&](std::exception_ptr thrown) {
      if (thrown) failure = as_error(thrown);
      context_.stop();
    });
    context_.run();
    if (failure && failure->errnum() == ENOSPC) throw *failure;  // the console's words would only hide it
    if (failure) throw base::Error(failure->problem() + console_tail(console_), failure->hint());
    ::unlink(console_.c_str());
  }

 private:
  static base::Error as_error(std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const base::Error& error) {
      return error;
    } catch (const std::exception& error) {
      return base::Error(error.what());
    }
  }

  asio::awaitable<void> work() {
    asio::co_spawn(context_, watch(), asio::detached);
    std::exception_ptr thrown;
    try {
      co_await boot_and_freeze();
    } catch (const std::exception&) {
      thrown = std::current_exception();
    }
    if (!thrown) co_return;
    const base::Error reason = co_await reason_of(as_error(thrown));
    throw reason;
  }

  // Shows that time passes, and ends everything when it took too long or the disk is full: the guest is then stopped by
  // QEMU at its next write, or QEMU itself ended by a bus error. Ends with the machine, which ends what waits for it.
  asio::awaitable<void> watch() {
    const auto start = std::chrono::steady_clock::now();
    asio::steady_timer timer(context_);
    while (!gave_up_) {
      progress_.update(-1, "");
      if (std::chrono::steady_clock::now() - start > kBootLimit)
        give_up(base::Error("the guest did not come up within " + std::to_string(kBootLimit.count()) + " s"));
      if (const base::Bytes free = base::free_space(folder_); is_full(free)) give_up(without_space(free));
      timer.expires_after(kProgressInterval);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  void give_up(base::Error why) {
    gave_up_ = std::move(why);
    if (machine_) machine_->kill();
  }

  base::Error without_space(base::Bytes free) const {
    return no_space_left(folder_, free, space_for_template(parts_.memory));
  }

  // When the machine ends, it is chance who notices first: whoever waits on the link, on QMP or for the process. What
  // the process says is the cause, so its end is waited for; where it does not come, `failure` is the cause itself.
  asio::awaitable<base::Error> reason_of(base::Error failure) {
    if (gave_up_) co_return *gave_up_;
    std::string how;
    if (machine_) {
      asio::steady_timer patience(context_, kEndPatience);
      patience.async_wait([this](boost::system::error_code error) {
        if (error) return;
        outlived_failure_ = true;
        machine_->kill();
      });
      how = co_await machine_->wait();
      patience.cancel();
    }
    if (const base::Bytes free = base::free_space(folder_); is_full(free)) co_return without_space(free);
    co_return machine_ && !outlived_failure_ ? ended_early(how) : failure;
  }

  asio::awaitable<void> boot_and_freeze() {
    progress_.step("booting the template machine (" + std::string(vmm::to_string(parts_.accelerator)) + ")");
    vmm::VmmOptions options;
    options.cgroup = new_group_name(kTemplate, base::data_folder());
    options.largest_file = largest_file_;
    machine_ = vmm::Vmm::start(context_.get_executor(), booting_machine(parts_), options);
    keep_console(context_.get_executor(), machine_->take_console(), console_);
    link::GuestClient guest(context_.get_executor(),
                            link::descriptor_transport(context_.get_executor(), machine_->take_link()));
    co_await guest.hello();
    co_await configure(guest);
    co_await start_docker(guest);
    co_await warm(guest);
    progress_.step("freezing the template machine");
    co_await guest.freeze();
    guest.close();
    vmm::Qmp qmp(context_.get_executor(), machine_->take_qmp());
    co_await vmm::freeze(qmp);
    co_await machine_->wait();
  }

  asio::awaitable<void> configure(link::GuestClient& guest) {
    link::Configure settings;
    settings.hostname = "template";
    settings.machine_id = std::string(32, '0');
    settings.realtime_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    settings.entropy = std::string(128, '0');  // each clone gets its own; this one protects nothing
    settings.authorities = authorities_;
    co_await guest.configure(settings);
  }

  asio::awaitable<void> start_docker(link::GuestClient& guest) {
    progress_.step("starting its Docker Engine");
    const std::string state = co_await guest.wait_docker();
    if (state != "ready" && state != "absent")
      throw base::Error("the Docker Engine of the template machine did not start: " + base::escaped(state));
    if (state == "absent") co_return;
    const std::vector<std::string> load{"/bin/sh", "-c", kLoadHello};
    co_await run_in(guest, load);
  }

  // Walks once what every start walks, so that the pages are in the RAM file.
  asio::awaitable<void> warm(link::GuestClient& guest) {
    progress_.step("warming it");
    try {
      const std::vector<std::string> nothing{"true"};
      co_await run_in(guest, nothing);
      co_await run_in(guest, nothing);
    } catch (const base::Error&) {
      // An image without `true` (or one that fails) is as good an image; only its first start is a little slower.
    }
  }

  asio::awaitable<void> run_in(link::GuestClient& guest, std::vector<std::string> argv) {
    link::ExecRequest request;
    request.argv = std::move(argv);
    request.user = "0";
    const std::string name = request.argv[0];
    const link::GuestClient::Output output = co_await guest.run(request);
    if (output.result.code != 0 || output.result.signal != 0)
      throw base::Error("'" + name + "' failed in the template machine: " + base::escaped(base::trimmed(output.text)));
  }

  Parts parts_;
  base::Bytes largest_file_;
  std::vector<link::Authority> authorities_;
  std::string folder_;
  std::string console_;
  base::Progress& progress_;
  asio::io_context context_{1};
  std::unique_ptr<vmm::Vmm> machine_;
  std::optional<base::Error> gave_up_;  // why watch() killed the machine
  bool outlived_failure_ = false;       // the machine did not end by itself
};

void make_ram_file(const std::string& path, base::Bytes size) {
  const base::Fd file = base::open_file(path, O_RDWR | O_CREAT | O_TRUNC);
  if (::ftruncate(file.get(), static_cast<off_t>(size.count)) != 0)
    throw base::system_error("cannot make the template's memory", path);
}

}  // namespace

void make_template(TemplatePlan plan, const std::string& folder, base::Progress& progress) {
  Parts& shape = plan.shape;
  image::Template files;
  files.folder = folder;
  shape.ram = files.ram();
  shape.device_state = files.state();
  shape.disk = files.disk();
  shape.base_disk.clear();
  require_space(folder, space_for_template(shape.memory));
  make_ram_file(shape.ram, shape.memory);
  make_base_disk(shape.disk, plan.disk_size);
  make_overlay(files.overlay(), plan.disk_size);
  Maker(std::move(plan), folder, progress).run();
}

void sweep_killed_makers(const image::TemplateStore& store) {
  // Who leaves a group leaves a draft, so groups are looked for only then; and the draft stays until they are gone,
  // since the machine in one may still be ending.
  if (store.has_abandoned() && sys::Cgroup::sweep(kTemplate + std::string("-"))) store.sweep();
}

}  // namespace caisson::engine::microvm
