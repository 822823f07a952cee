// SPDX-License-Identifier: Apache-2.0

// caisson image: the images and templates on this machine.

#include <fmt/format.h>

#include <memory>

#include "base/bytes.h"
#include "base/paths.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/image_command.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "cli/table.h"
#include "image/base_image.h"
#include "image/import.h"
#include "image/store.h"
#include "image/templates.h"
#include "image/work_folder.h"
#include "keeper/record.h"

namespace caisson::cli {
namespace {

image::ImageStore open_store() {
  return image::ImageStore(base::cache_folder());
}

std::string user_of(const std::string& digest) {
  for (const keeper::Sandbox& sandbox : keeper::list_sandboxes()) {
    if (sandbox.image_digest == digest) return "the sandbox " + base::in_quotes(sandbox.name);
  }
  return {};
}

// What `image` commands print: lines for people, or one JSON value.
enum class Form { kText, kJson };

void print_made(const image::ImageRecord& record, Form form) {
  if (form == Form::kJson) {
    fmt::print("{}\n", printable_json(to_json(record)));
    return;
  }
  fmt::print("{}  {}  {}\n", record.name, record.digest.substr(0, kShownDigits), base::to_string(record.size));
}

// What is gone, as it goes: a line each, or all of it at the end.
class Gone {
 public:
  explicit Gone(Form form) : form_(form) {}
  void add(const std::string& line, base::Json object) {
    if (form_ == Form::kText) fmt::print("{}\n", line);
    all_.push_back(std::move(object));
  }
  void finish() const {
    if (form_ == Form::kJson) fmt::print("{}\n", printable_json(all_));
  }

 private:
  const Form form_;
  base::Json all_ = base::Json::array();
};

// Where an error is the end, what was removed before it is said all the same.
template <typename Work>
void say_what_goes(Form form, Work work) {
  Gone gone(form);
  try {
    work(gone);
  } catch (const base::Error&) {
    gone.finish();
    throw;
  }
  gone.finish();
}

void build(bool again, Form form) {
  image::ImageStore store = open_store();
  WorkProgress progress;
  print_made(again ? image::rebuild_base(store, progress) : image::ensure_base(store, progress), form);
}

void import(const std::string& name, const std::string& source, Form form) {
  image::ImageStore store = open_store();
  WorkProgress progress;
  print_made(image::import_image(store, name, source, progress), form);
}

void list(Form form) {
  std::vector<image::BadRecord> bad;
  const std::vector<image::ImageRecord> records = open_store().list(&bad);
  for (const image::BadRecord& one : bad) warn(one.what());
  if (form == Form::kJson) {
    base::Json all = base::Json::array();
    for (const image::ImageRecord& record : records) all.push_back(to_json(record));
    fmt::print("{}\n", printable_json(all));
    return;
  }
  Table table({"NAME", "DIGEST", "SIZE", "CREATED", "DOCKER", "SOURCE"});
  for (const image::ImageRecord& record : records) {
    const bool nameless = record.name.empty();
    table.add({nameless ? "<none>" : record.name, record.digest.substr(0, kShownDigits), base::to_string(record.size),
               record.created, nameless ? "" : (record.has_dockerd ? "yes" : "no"), record.source});
  }
  fmt::print("{}", table.text());
}

void remove(const std::vector<std::string>& names, Gone& all) {
  image::ImageStore store = open_store();
  const image::TemplateStore templates(base::cache_folder());
  for (const std::string& name : names) {
    const image::ImageRecord gone = store.remove(name, user_of);
    if (!gone.digest.empty() && !store.find("sha256:" + gone.digest)) templates.discard_for_image(gone.digest);
    all.add(name, to_json(gone));
    if (gone.name == image::kBaseName) warn("the next run that needs the image 'base' makes it again");
  }
}

void prune(bool all_templates, Gone& all) {
  image::sweep_work_folders(base::cache_folder());
  const image::TemplateStore templates(base::cache_folder());
  for (const image::Template& made : all_templates ? templates.list() : std::vector<image::Template>()) {
    const base::FileLock lock = templates.lock(made.key);
    templates.discard(made.key);
    all.add(made.key, {{"kind", "template"}, {"digest", made.key}});
  }
  for (const std::string& digest : open_store().prune(user_of)) {
    templates.discard_for_image(digest);
    all.add(digest, {{"kind", "image"}, {"digest", digest}});
  }
}

std::shared_ptr<Form> add_json_option(CLI::App& command, const std::string& description) {
  auto form = std::make_shared<Form>(Form::kText);
  command.add_flag_callback(
      "--json", [form] { *form = Form::kJson; }, description);
  return form;
}

void add_build(CLI::App& image) {
  CLI::App& command =
      add_command(image, {"image build", "[OPTIONS]", "make the base image, if it is missing or outdated",
                          "It is made by itself when it is first needed."});
  const auto again = std::make_shared<bool>(false);
  command.add_flag("--again", *again, "also when it is there: with today's package versions");
  const auto form = add_json_option(command, "the image, as JSON");
  command.callback([again, form] { build(*again, *form); });
}

void add_import(CLI::App& image) {
  CLI::App& command = add_command(
      image, {"image import", "[OPTIONS] NAME SOURCE", "make an image of a root file system or a container image",
              "SOURCE is one of:\n"
              "  DIR                  a root file system, or an OCI image layout\n"
              "  FILE                 a tar of a root file system, an OCI archive or a docker archive\n"
              "  oci:DIR[:TAG]        an OCI image layout\n"
              "  oci-archive:FILE[:TAG], docker-archive:FILE\n"
              "  docker://REFERENCE   an image of a registry (by skopeo); of one on 127.0.0.1 without TLS too\n\n"
              "Example:\n  caisson image import tools ./rootfs.tar.zst"});
  struct ImageWords {
    std::string name;
    std::string source;
  };
  const auto words = std::make_shared<ImageWords>();
  command.add_option("name", words->name, "its name")->required()->group("");
  command.add_option("source", words->source, "where it is")->required()->group("");
  const auto form = add_json_option(command, "the image, as JSON");
  command.callback([words, form] { import(words->name, words->source, *form); });
}

void add_image_ls(CLI::App& image) {
  CLI::App& command = add_command(image, {"image ls", "[OPTIONS]", "list the images", ""});
  const auto form = add_json_option(command, "everything, as JSON");
  command.callback([form] { list(*form); });
}

void add_image_rm(CLI::App& image) {
  CLI::App& command =
      add_command(image, {"image rm", "[OPTIONS] NAME…", "remove images, by name or by the beginning of the digest",
                          "An image that a sandbox uses is kept. Templates made from a removed image go, too."});
  const auto names = std::make_shared<std::vector<std::string>>();
  command.add_option("names", *names, "the images")->required()->group("");
  const auto form = add_json_option(command, "what is gone, as JSON");
  command.callback([names, form] { say_what_goes(*form, [&](Gone& all) { remove(*names, all); }); });
}

void add_prune(CLI::App& image) {
  CLI::App& command = add_command(
      image, {"image prune", "[OPTIONS]", "remove the images that have no name any more and that no sandbox uses",
              "Prints the digests of what is gone."});
  const auto all_templates = std::make_shared<bool>(false);
  command.add_flag("--templates", *all_templates,
                   "all templates too: there is one for each size of machine, made again when it is needed");
  const auto form = add_json_option(command, "what is gone, as JSON");
  command.callback([all_templates, form] { say_what_goes(*form, [&](Gone& all) { prune(*all_templates, all); }); });
}

}  // namespace

void add_image_command(CLI::App& app) {
  CLI::App& image = add_command(app, {"image", "COMMAND", "make, import, list, check and remove images", ""});
  image.require_subcommand(1);
  add_build(image);
  add_import(image);
  add_image_ls(image);
  add_image_rm(image);
  add_prune(image);
  add_image_verify_command(image);
}

}  // namespace caisson::cli
