// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/instance.h"

#include "engine/microvm/console.h"

namespace caisson::engine::microvm {
namespace {

class MicrovmInstance final : public Instance {
 public:
  MicrovmInstance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm, vmm::Accelerator accelerator,
                  const std::string& console_path)
      : executor_(executor), vmm_(std::move(vmm)), accelerator_(accelerator) {
    keep_console(executor_, vmm_->take_console(), console_path);
  }

  std::unique_ptr<link::Transport> take_link() override {
    return link::descriptor_transport(executor_, vmm_->take_link());
  }
  asio::awaitable<std::string> wait() override { return vmm_->wait(); }
  void kill() override { vmm_->kill(); }
  std::vector<WallPart> wall() const override { return vmm_->wall(); }
  std::string accelerator() const override { return std::string(vmm::to_string(accelerator_)); }
  int64_t pid() const override { return vmm_->pid(); }

 private:
  asio::any_io_executor executor_;
  std::unique_ptr<vmm::Vmm> vmm_;
  vmm::Accelerator accelerator_;
};

}  // namespace

std::unique_ptr<Instance> make_instance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm,
                                        vmm::Accelerator accelerator, const std::string& console_path) {
  return std::make_unique<MicrovmInstance>(std::move(executor), std::move(vmm), accelerator, console_path);
}

}  // namespace caisson::engine::microvm
