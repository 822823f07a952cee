// SPDX-License-Identifier: Apache-2.0

// The way of a sandbox here: prepare() settles which image, kernel and template it is made from, and makes what is
// missing; create() gives it a disk over the template's; start() thaws the template the first time, and boots that disk
// every other time, since memory that was frozen does not fit a disk that has changed.
#include "engine/microvm/microvm.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/random.h"
#include "base/text.h"
#include "engine/microvm/instance.h"
#include "engine/microvm/machine.h"
#include "engine/microvm/template_maker.h"
#include "image/base_image.h"
#include "image/initramfs.h"
#include "image/kernel.h"
#include "image/store.h"
#include "image/templates.h"

namespace caisson::engine::microvm {
namespace {

constexpr const char* kFolder = "/vm";
constexpr const char* kOverlay = "/vm/disk.qcow2";
constexpr const char* kBaseDisk = "/vm/base.raw";
// There from create() until the first start: the disk still fits the template's memory.
constexpr const char* kFresh = "/vm/fresh";
// Its VMM's cgroup. The name of the sandbox alone would not do: sandboxes of other state folders have the same names,
// and a group's remains are killed.
constexpr const char* kGroup = "/vm/cgroup";
constexpr size_t kGroupRandomBytes = 6;

image::TemplateInputs inputs_of(const Plan& plan, const image::ImageRecord& image, const image::Kernel& kernel,
                                const std::string& initramfs, vmm::Accelerator accelerator) {
  image::TemplateInputs inputs;
  inputs.image_digest = image.digest;
  inputs.kernel_digest = kernel.digest;
  inputs.initramfs_digest = initramfs;  // its path holds the digest of its content
  inputs.vmm = vmm::machine_fingerprint(accelerator);
  inputs.accelerator = vmm::to_string(accelerator);
  inputs.cpu_model = accelerator == vmm::Accelerator::kKvm ? "host" : "max";
  inputs.host_cpu = accelerator == vmm::Accelerator::kKvm ? image::host_cpu_digest() : "";
  inputs.cpus = plan.spec.cpus;
  inputs.memory = plan.spec.memory;
  inputs.disk = plan.spec.disk;
  return inputs;
}

Parts parts_of(const Plan& plan) {
  base::JsonReader reader(plan.details, "the sandbox's plan");
  Parts parts;
  parts.accelerator =
      reader.required<std::string>("accelerator") == "kvm" ? vmm::Accelerator::kKvm : vmm::Accelerator::kTcg;
  parts.image = reader.required<std::string>("image_file");
  parts.kernel = reader.required<std::string>("kernel");
  parts.initramfs = reader.required<std::string>("initramfs");
  reader.required<std::string>("image_digest");
  reader.required<std::string>("template");
  reader.finish();
  parts.vcpus = plan.spec.cpus;
  parts.memory = plan.spec.memory;
  return parts;
}

// Finds the template or makes it; whoever comes second waits and finds it.
image::Template ensure_template(const Plan& plan, const image::TemplateInputs& inputs, base::Progress& progress) {
  const image::TemplateStore store(base::cache_folder());
  const std::string key = image::template_key(inputs);
  if (auto lookup = store.find(key); lookup.found) return *lookup.found;
  std::optional<base::FileLock> lock = store.try_lock(key);
  if (!lock) {
    progress.step("waiting for another caisson that makes the template");
    lock = store.lock(key);
  }
  if (auto lookup = store.find(key); lookup.found) return *lookup.found;
  image::TemplateDraft draft = store.begin(key);
  make_template(parts_of(plan), plan.spec.disk, draft.folder(), progress);
  progress.step("storing the template");
  return store.commit(std::move(draft), key, inputs, base::Json::object());
}

}  // namespace

Probe MicrovmEngine::probe() const {
  const vmm::AcceleratorProbe accelerator = vmm::probe_accelerator();
  Probe probe;
  try {
    vmm::find_qemu(accelerator.accelerator);
  } catch (const base::Error& error) {
    probe.reason = error.problem();
    probe.remedy = error.hint();
    return probe;
  }
  for (const char* program : {"qemu-img", "mkfs.ext4"}) {
    if (!base::find_program(program).empty()) continue;
    probe.reason = std::string("the program '") + program + "' is missing";
    probe.remedy = "apt-get install qemu-utils e2fsprogs";
    return probe;
  }
  probe.usable = true;
  probe.reason = accelerator.reason;
  probe.remedy = accelerator.remedy;
  return probe;
}

Capabilities MicrovmEngine::capabilities() const {
  return {.own_kernel = true,
          .own_docker_engine = true,
          .file_system_isolation = true,
          .process_isolation = true,
          .network_isolation = true,
          .transparent_egress = false,
          .limits_cpu = true,
          .limits_memory = true,
          .limits_disk = true,
          .limits_pids = true,
          .snapshots = false,
          .needs_root = false};
}

Plan MicrovmEngine::plan(const spec::SandboxSpec& spec) const {
  spec::validate(spec);
  return {.spec = spec, .engine = std::string(name()), .details = base::Json::object()};
}

void MicrovmEngine::prepare(Plan& plan, base::Progress& progress) {
  image::ImageStore store(base::cache_folder());
  const vmm::Accelerator accelerator = vmm::probe_accelerator().accelerator;
  const image::ImageRecord image = image::ensure_image(store, plan.spec.image, progress);
  const image::Kernel kernel = image::ensure_kernel(progress);
  const std::string initramfs = image::ensure_initramfs(kernel);
  const image::TemplateInputs inputs = inputs_of(plan, image, kernel, initramfs, accelerator);
  plan.details = {{"image_digest", image.digest},
                  {"image_file", store.path_of(image.digest)},
                  {"kernel", kernel.vmlinuz},
                  {"initramfs", initramfs},
                  {"accelerator", vmm::to_string(accelerator)},
                  {"template", image::template_key(inputs)}};
  ensure_template(plan, inputs, progress);
  progress.done();
}

void MicrovmEngine::create(const Plan& plan, const std::string& folder) {
  const image::TemplateStore store(base::cache_folder());
  const image::TemplateLookup lookup = store.find(plan.details.at("template").get<std::string>());
  if (!lookup.found) throw base::Error("the template cannot be used: " + lookup.reason, "run the command again");
  base::make_folders(folder + kFolder);
  image::link_or_copy(lookup.found->disk(), folder + kBaseDisk);
  image::copy_file(lookup.found->overlay(), folder + kOverlay);
  const std::string group = plan.spec.name + "-" + base::random_hex(kGroupRandomBytes);
  base::write_file_atomic(folder + kGroup, group);
  base::open_file(folder + kFresh, O_WRONLY | O_CREAT | O_EXCL);
}

std::unique_ptr<Instance> MicrovmEngine::start(const Plan& plan, const StartContext& context) {
  Parts parts = parts_of(plan);
  parts.disk = context.folder + kOverlay;
  parts.base_disk = context.folder + kBaseDisk;
  const bool fresh = ::unlink((context.folder + kFresh).c_str()) == 0;
  const std::string key = fresh ? plan.details.at("template").get<std::string>() : "";
  if (fresh) {
    image::Template files;
    files.folder = base::cache_folder() + "/templates/" + key;
    parts.ram = files.ram();
    parts.device_state = files.state();
  }
  vmm::VmmOptions options;
  options.cgroup = base::read_file(context.folder + kGroup);
  auto machine = vmm::Vmm::start(context.executor, fresh ? thawed_machine(parts) : booting_machine(parts), options);
  return make_instance(context.executor, std::move(machine), parts.accelerator, key, context.console_path);
}

void MicrovmEngine::destroy(const std::string& folder) {
  // Without that file no VMM was started.
  if (const auto group = base::read_file_if_exists(folder + kGroup)) vmm::remove_leftovers(*group);
}

}  // namespace caisson::engine::microvm
