// SPDX-License-Identifier: Apache-2.0

// caisson image verify: whether all that is stored is what was stored.

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/paths.h"
#include "cli/command.h"
#include "cli/image_command.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "image/base_image.h"
#include "image/boot_files.h"
#include "image/store.h"
#include "image/templates.h"

namespace caisson::cli {
namespace {

constexpr int kSomethingIsWrong = 1;
constexpr const char* kMadeAgain = "; the next start makes it again";

// A template whose content has changed is removed: the next start makes it again. It was read without its lock, so
// somebody may have removed it or made it again since: what counts is how it is once the lock is ours.
std::vector<image::TemplateCheck> verify_templates() {
  const image::TemplateStore store(base::cache_folder());
  std::vector<image::TemplateCheck> checks;
  for (image::TemplateCheck& check : store.verify_all()) {
    if (check.problem.empty()) {
      checks.push_back(std::move(check));
      continue;
    }
    const base::FileLock lock = store.lock(check.key);
    std::optional<image::TemplateCheck> now = store.verify(check.key);
    if (!now) continue;
    if (!now->problem.empty()) store.discard(check.key);
    checks.push_back(std::move(*now));
  }
  return checks;
}

std::vector<image::ImageCheck> verify_images(TerminalProgress& progress) {
  return image::ImageStore(base::cache_folder()).verify([&](const image::ImageRecord& record, uint64_t so_far) {
    const auto size = static_cast<double>(std::max<uint64_t>(record.size.count, 1));
    progress.update(static_cast<double>(so_far) / size, record.name.empty() ? record.digest : record.name);
  });
}

std::string remedy_of(const image::ImageRecord& record) {
  return record.name == image::kBaseName ? "make it again: caisson image build --again"
                                         : "remove it and import it again";
}

void print_checks(const std::vector<image::ImageCheck>& images, const std::vector<image::TemplateCheck>& templates,
                  const std::vector<image::BootFileCheck>& boot_files) {
  Table table({"WHAT", "DIGEST", "SIZE", "STATE"});
  for (const image::ImageCheck& check : images) {
    table.add({"image " + (check.record.name.empty() ? "<none>" : check.record.name),
               check.record.digest.substr(0, kShownDigits), base::to_string(check.record.size),
               check.intact ? "intact" : check.problem + "; " + remedy_of(check.record)});
  }
  for (const image::TemplateCheck& check : templates) {
    table.add({"template", check.key.substr(0, kShownDigits), base::to_string(check.size),
               check.problem.empty() ? "intact" : check.problem + kMadeAgain});
  }
  for (const image::BootFileCheck& check : boot_files) {
    table.add({check.what, check.digest.substr(0, kShownDigits), base::to_string(check.size),
               check.problem.empty() ? "intact" : check.problem + kMadeAgain});
  }
  fmt::print("{}", table.text());
}

void verify(bool json) {
  std::vector<image::ImageCheck> images;
  std::vector<image::TemplateCheck> templates;
  std::vector<image::BootFileCheck> boot_files;
  {
    TerminalProgress progress(2);
    progress.step("computing digests");
    images = verify_images(progress);
    progress.update(-1, "templates");
    templates = verify_templates();
    progress.update(-1, "kernels");
    boot_files = image::verify_boot_files(base::cache_folder());
    progress.done();
  }
  bool intact = true;
  base::Json all = {
      {"images", base::Json::array()}, {"templates", base::Json::array()}, {"boot_files", base::Json::array()}};
  for (const image::ImageCheck& check : images) {
    intact = intact && check.intact;
    all["images"].push_back({{"name", check.record.name},
                             {"digest", check.record.digest},
                             {"intact", check.intact},
                             {"problem", check.problem}});
  }
  for (const image::TemplateCheck& check : templates) {
    intact = intact && check.problem.empty();
    all["templates"].push_back({{"key", check.key},
                                {"image_digest", check.image_digest},
                                {"size_bytes", check.size.count},
                                {"intact", check.problem.empty()},
                                {"problem", check.problem}});
  }
  for (const image::BootFileCheck& check : boot_files) {
    intact = intact && check.problem.empty();
    all["boot_files"].push_back({{"what", check.what},
                                 {"digest", check.digest},
                                 {"size_bytes", check.size.count},
                                 {"intact", check.problem.empty()},
                                 {"problem", check.problem}});
  }
  if (json) {
    fmt::print("{}\n", printable_json(all));
  } else {
    print_checks(images, templates, boot_files);
  }
  if (!intact) throw Exit{kSomethingIsWrong};
}

}  // namespace

void add_image_verify_command(CLI::App& image) {
  CLI::App& command = add_command(
      image,
      {"image verify", "[OPTIONS]", "read all that is stored and compare digests",
       "Images, templates, kernels and initramfs files of the cache; what a stopped sandbox has in its own folder is\n"
       "not read. Ends with 1 when something has changed."});
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "as JSON");
  command.callback([json] { verify(*json); });
}

}  // namespace caisson::cli
