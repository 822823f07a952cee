// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/instance.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/paths.h"
#include "engine/microvm/console.h"
#include "engine/microvm/pause_watch.h"
#include "engine/microvm/sandbox_files.h"
#include "image/templates.h"

namespace caisson::engine::microvm {
namespace {

// QEMU's words for a device state that does not fit (migration/migration.c).
constexpr std::string_view kNotLoaded = "load of migration failed";

constexpr const char* kOther = "; its template was unusable and is another one by now: run the command again";

// "" where it is not there.
std::string identity_of(const image::Template& made) {
  const base::Fd ram(::open(made.ram().c_str(), O_RDONLY | O_CLOEXEC));
  const base::Fd state(::open(made.state().c_str(), O_RDONLY | O_CLOEXEC));
  return ram && state ? template_identity(ram.get(), state.get()) : std::string();
}

class MicrovmInstance final : public Instance {
 public:
  MicrovmInstance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm, vmm::Accelerator accelerator,
                  std::optional<ThawedFrom> thawed_from, const std::string& console_path)
      : executor_(executor),
        vmm_(std::move(vmm)),
        accelerator_(accelerator),
        thawed_from_(std::move(thawed_from)),
        folder_(console_path.substr(0, console_path.rfind('/'))) {
    keep_console(executor_, vmm_->take_console(), console_path);
  }

  std::unique_ptr<link::Transport> take_link() override {
    return link::descriptor_transport(executor_, vmm_->take_link());
  }
  asio::awaitable<std::string> wait() override {
    std::string how = co_await vmm_->wait();
    if (thawed_from_ && how.find(kNotLoaded) != std::string::npos) how += discard_template();
    co_return how;
  }
  void kill() override { vmm_->kill(); }
  std::vector<WallPart> wall() const override { return vmm_->wall(); }
  void watch_pauses(std::function<void(const std::string& why)> changed) override {
    pauses_.emplace(executor_, vmm_->take_qmp(), folder_, std::move(changed));
  }
  std::string accelerator() const override { return std::string(vmm::to_string(accelerator_)); }
  int64_t pid() const override { return vmm_->pid(); }

 private:
  std::string discard_template() {
    try {
      const image::TemplateStore store(base::cache_folder());
      // Whoever has the lock makes it, and is not waited for: this is the keeper's one thread.
      const std::optional<base::FileLock> lock = store.try_lock(thawed_from_->key);
      image::Template made;
      made.folder = store.folder_of(thawed_from_->key);
      if (!lock || identity_of(made) != thawed_from_->identity) return kOther;
      store.discard(thawed_from_->key);
    } catch (const base::Error& error) {
      return "; its template cannot be removed: " + error.problem();
    }
    return "; its template was unusable and is removed: run the command again to make it anew";
  }

  asio::any_io_executor executor_;
  std::unique_ptr<vmm::Vmm> vmm_;
  vmm::Accelerator accelerator_;
  std::optional<ThawedFrom> thawed_from_;
  std::string folder_;  // the sandbox's
  std::optional<PauseWatch> pauses_;
};

}  // namespace

std::unique_ptr<Instance> make_instance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm,
                                        vmm::Accelerator accelerator, std::optional<ThawedFrom> thawed_from,
                                        const std::string& console_path) {
  return std::make_unique<MicrovmInstance>(std::move(executor), std::move(vmm), accelerator, std::move(thawed_from),
                                           console_path);
}

}  // namespace caisson::engine::microvm
