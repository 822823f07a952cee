// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/instance.h"

#include "base/error.h"
#include "base/paths.h"
#include "engine/microvm/console.h"
#include "image/templates.h"

namespace caisson::engine::microvm {
namespace {

// QEMU's words for a device state that does not fit (migration/migration.c).
constexpr std::string_view kNotLoaded = "load of migration failed";

class MicrovmInstance final : public Instance {
 public:
  MicrovmInstance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm, vmm::Accelerator accelerator,
                  std::string template_key, const std::string& console_path)
      : executor_(executor), vmm_(std::move(vmm)), accelerator_(accelerator), template_key_(std::move(template_key)) {
    keep_console(executor_, vmm_->take_console(), console_path);
  }

  std::unique_ptr<link::Transport> take_link() override {
    return link::descriptor_transport(executor_, vmm_->take_link());
  }
  asio::awaitable<std::string> wait() override {
    std::string how = co_await vmm_->wait();
    if (!template_key_.empty() && how.find(kNotLoaded) != std::string::npos) how += discard_template();
    co_return how;
  }
  void kill() override { vmm_->kill(); }
  std::vector<WallPart> wall() const override { return vmm_->wall(); }
  std::string accelerator() const override { return std::string(vmm::to_string(accelerator_)); }
  int64_t pid() const override { return vmm_->pid(); }

 private:
  std::string discard_template() {
    try {
      const image::TemplateStore store(base::cache_folder());
      const base::FileLock lock = store.lock(template_key_);
      store.discard(template_key_);
    } catch (const base::Error& error) {
      return "; its template cannot be removed: " + error.problem();
    }
    return "; its template was unusable and is removed: run the command again to make it anew";
  }

  asio::any_io_executor executor_;
  std::unique_ptr<vmm::Vmm> vmm_;
  vmm::Accelerator accelerator_;
  std::string template_key_;
};

}  // namespace

std::unique_ptr<Instance> make_instance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm,
                                        vmm::Accelerator accelerator, const std::string& template_key,
                                        const std::string& console_path) {
  return std::make_unique<MicrovmInstance>(std::move(executor), std::move(vmm), accelerator, template_key,
                                           console_path);
}

}  // namespace caisson::engine::microvm
