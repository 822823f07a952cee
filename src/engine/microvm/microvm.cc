// SPDX-License-Identifier: Apache-2.0

// The way of a sandbox here: prepare() settles which image, kernel and template it is made from, and makes what is
// missing; create() gives it a disk over the template's, and what it boots from if it is kept; start() thaws the
// template the first time, and boots that disk every other time, since memory that was frozen does not fit a disk that
// has changed.
#include "engine/microvm/microvm.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/microvm/disk.h"
#include "engine/microvm/group_name.h"
#include "engine/microvm/instance.h"
#include "engine/microvm/machine.h"
#include "engine/microvm/sandbox_files.h"
#include "engine/microvm/template_inputs.h"
#include "engine/microvm/template_maker.h"
#include "image/base_image.h"
#include "image/initramfs.h"
#include "image/kernel.h"
#include "image/store.h"
#include "image/templates.h"

namespace caisson::engine::microvm {
namespace {

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
image::Template ensure_template(const Plan& plan, const image::TemplateInputs& inputs, const PrepareContext& context) {
  const image::TemplateStore store(base::cache_folder());
  sweep_killed_makers(store);
  const std::string key = image::template_key(inputs);
  if (auto lookup = store.find(key); lookup.found) return *lookup.found;
  std::optional<base::FileLock> lock = store.try_lock(key);
  if (!lock) {
    context.progress.step("waiting for another caisson that makes the template");
    lock = store.lock(key);
  }
  if (auto lookup = store.find(key); lookup.found) return *lookup.found;
  // From here on an interruption is to remove what was begun.
  context.progress.step("preparing the template's files");
  image::TemplateDraft draft = store.begin(key);
  make_template({parts_of(plan), plan.spec.disk, context.authorities()}, draft.folder(), context.progress);
  context.progress.step("storing the template");
  return store.commit(std::move(draft), key, inputs);
}

// Not synced, which would cost more than all else here: what a crash of the host leaves of it fits no template.
void write_new(const std::string& path, std::string_view content) {
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  base::write_all(file.get(), {content.data(), content.size()}, path);
}

base::Error template_replaced(const Plan& plan) {
  return base::Error("the template of " + base::in_quotes(plan.spec.name) + " was removed or made again meanwhile",
                     plan.spec.remove_at_end ? "run the command again"
                                             : "`caisson start " + plan.spec.name + "` boots the sandbox without it");
}

// The template is opened by its key, but its memory must be what the sandbox's disk was frozen with: the guest's kernel
// would write what it remembers of one disk to another.
vmm::MachineConfig thaw(const Plan& plan, Parts parts, const SandboxFiles& files) {
  image::Template made;
  made.folder = image::TemplateStore(base::cache_folder()).folder_of(plan.details.at("template").get<std::string>());
  parts.ram = made.ram();
  parts.device_state = made.state();
  for (const std::string& path : {parts.ram, parts.device_state}) {
    if (::access(path.c_str(), F_OK) != 0) throw template_replaced(plan);
  }
  vmm::MachineConfig machine = thawed_machine(parts);
  if (template_identity(machine.memory.file.get(), machine.device_state.get()) !=
      base::read_file_if_exists(files.template_seen()))
    throw template_replaced(plan);
  return machine;
}

base::Bytes host_memory() {
  struct sysinfo machine {};
  ::sysinfo(&machine);
  return base::Bytes{uint64_t{machine.totalram} * machine.mem_unit};
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
          .transparent_egress = true,
          .limits_cpu = true,
          .limits_memory = true,
          .limits_disk = true,
          .limits_pids = true,
          .snapshots = false,
          .needs_root = false};
}

Plan MicrovmEngine::plan(const spec::SandboxSpec& spec) const {
  spec::validate(spec);
  const base::Bytes host = host_memory();
  if (spec.memory.count > host.count)
    throw base::Error("a sandbox with " + base::to_string(spec.memory) +
                          " of memory does not fit this machine, which has " + base::to_string(host),
                      "give --memory less");
  return {.spec = spec, .engine = std::string(name()), .details = base::Json::object()};
}

void MicrovmEngine::prepare(Plan& plan, const PrepareContext& context) {
  base::Progress& progress = context.progress;
  image::ImageStore store(base::cache_folder());
  const vmm::Accelerator accelerator = vmm::probe_accelerator().accelerator;
  const image::ImageRecord image = image::ensure_image(store, plan.spec.image, progress);
  const image::Kernel kernel = image::ensure_kernel(progress);
  const std::string initramfs = image::ensure_initramfs(kernel);
  Parts sizes;
  sizes.accelerator = accelerator;
  sizes.vcpus = plan.spec.cpus;
  sizes.memory = plan.spec.memory;
  const image::TemplateInputs inputs =
      template_inputs(sizes, {.image_digest = image.digest,
                              .kernel_digest = kernel.digest,
                              .initramfs_digest = initramfs,  // its path holds the digest of its content
                              .qemu = vmm::find_qemu(accelerator),
                              .disk = plan.spec.disk});
  plan.details = {{"image_digest", image.digest},
                  {"image_file", store.path_of(image.digest)},
                  {"kernel", kernel.vmlinuz},
                  {"initramfs", initramfs},
                  {"accelerator", vmm::to_string(accelerator)},
                  {"template", image::template_key(inputs)}};
  ensure_template(plan, inputs, context);
  progress.done();
}

void MicrovmEngine::create(const Plan& plan, const std::string& folder) {
  const image::TemplateStore store(base::cache_folder());
  const image::TemplateLookup lookup = store.find(plan.details.at("template").get<std::string>());
  if (!lookup.found) throw base::Error("the template cannot be used: " + lookup.reason, "run the command again");
  const SandboxFiles files(folder);
  base::make_folders(files.folder);
  const Parts parts = parts_of(plan);
  std::vector<std::string> large{lookup.found->disk()};
  if (!plan.spec.remove_at_end) large.insert(large.end(), {parts.image, parts.kernel, parts.initramfs});
  require_space_for(large, files);
  {
    // Before the disk is linked: a template that is made again between the two is noticed by start().
    const base::Fd ram = base::open_file(lookup.found->ram(), O_RDONLY);
    const base::Fd state = base::open_file(lookup.found->state(), O_RDONLY);
    write_new(files.template_seen(), template_identity(ram.get(), state.get()));
  }
  image::link_or_copy(lookup.found->disk(), files.base_disk());
  image::copy_file(lookup.found->overlay(), files.overlay());
  if (!plan.spec.remove_at_end) keep_boot_files(parts, files);
  base::write_file_atomic(files.group(), new_group_name(plan.spec.name, base::data_folder()));
  base::open_file(files.fresh(), O_WRONLY | O_CREAT | O_EXCL);
}

std::unique_ptr<Instance> MicrovmEngine::start(const Plan& plan, const StartContext& context) {
  const SandboxFiles files(context.folder);
  Parts parts = parts_of(plan);
  parts.disk = files.overlay();
  parts.base_disk = files.base_disk();
  use_kept_boot_files(parts, files);
  const bool fresh = ::unlink(files.fresh().c_str()) == 0;
  vmm::VmmOptions options;
  options.cgroup = base::read_file(files.group());
  options.largest_file = largest_file(plan.spec.disk, plan.spec.memory);
  auto machine = vmm::Vmm::start(context.executor, fresh ? thaw(plan, parts, files) : booting_machine(parts), options);
  std::optional<ThawedFrom> thawed_from;
  if (fresh)
    thawed_from = ThawedFrom{.key = plan.details.at("template").get<std::string>(),
                             .identity = base::read_file_if_exists(files.template_seen()).value_or("")};
  return make_instance(context.executor, std::move(machine), parts.accelerator, std::move(thawed_from),
                       context.console_path);
}

void MicrovmEngine::keep(const Plan& plan, const std::string& folder) {
  const SandboxFiles files(folder);
  if (::access(files.initramfs().c_str(), F_OK) == 0) return;  // the last of them
  const Parts parts = parts_of(plan);
  require_space_for({parts.image, parts.kernel, parts.initramfs}, files);
  keep_boot_files(parts, files);
}

void MicrovmEngine::destroy(const std::string& folder) {
  // Without that file no VMM was started.
  if (const auto group = base::read_file_if_exists(SandboxFiles(folder).group())) vmm::remove_leftovers(*group);
}

}  // namespace caisson::engine::microvm
