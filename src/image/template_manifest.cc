// SPDX-License-Identifier: Apache-2.0

#include "image/template_manifest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "image/digest.h"

namespace caisson::image {
namespace {

// Raised when the meaning of a template's files changes: older templates are then made again.
constexpr int kManifestFormat = 3;
constexpr size_t kMaxStateBytes = 64U << 20;

int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * INT64_C(1'000'000'000) + time.tv_nsec;
}

bool is_state(std::string_view name) {
  return name == "state";
}

std::string digest_of(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  return is_state(name) ? sha256(base::read_file(path, kMaxStateBytes)) : sparse_digest(path);
}

FileRecord stat_record(const struct stat& info, std::string_view name) {
  FileRecord record;
  record.size_bytes = static_cast<uint64_t>(info.st_size);
  record.inode = info.st_ino;
  record.mtime_ns = nanoseconds(info.st_mtim);
  if (name != "disk.raw") record.ctime_ns = nanoseconds(info.st_ctim);
  return record;
}

}  // namespace

base::Json to_json(const TemplateInputs& inputs) {
  return {{"image_digest", inputs.image_digest},
          {"kernel_digest", inputs.kernel_digest},
          {"initramfs_digest", inputs.initramfs_digest},
          {"vmm", inputs.vmm},
          {"machine", inputs.machine},
          {"accelerator", inputs.accelerator},
          {"cpu_model", inputs.cpu_model},
          {"host_cpu", inputs.host_cpu},
          {"cpus", inputs.cpus},
          {"memory_bytes", inputs.memory.count},
          {"disk_bytes", inputs.disk.count}};
}

std::string template_key(const TemplateInputs& inputs) {
  const base::Json all = {{"format", kManifestFormat}, {"inputs", to_json(inputs)}};
  return sha256(base::to_line(all));
}

std::string host_cpu_digest() {
  // The first processor's paragraph is enough, and on a large machine the whole file takes milliseconds to make.
  const base::Fd file = base::open_file("/proc/cpuinfo", O_RDONLY);
  std::string text(32U << 10, '\0');
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  if (got < 0) throw base::system_error("cannot read", "/proc/cpuinfo");
  text.resize(static_cast<size_t>(got));
  std::string wanted;
  for (const std::string& line : base::split(text.substr(0, text.find("\n\n")), '\n')) {
    // x86 and Arm names of the same facts; MHz and bogomips differ from read to read.
    for (const char* key : {"vendor_id", "cpu family", "model", "stepping", "flags", "CPU ", "Features"}) {
      if (line.starts_with(key)) {
        wanted += line + "\n";
        break;
      }
    }
  }
  return sha256(wanted);
}

base::Json to_json(const TemplateManifest& manifest) {
  base::Json files = base::Json::object();
  for (const auto& [name, record] : manifest.files) {
    files[name] = {{"size_bytes", record.size_bytes},
                   {"inode", record.inode},
                   {"mtime_ns", record.mtime_ns},
                   {"ctime_ns", record.ctime_ns},
                   {"digest", record.digest}};
  }
  return {{"format", kManifestFormat},
          {"key", manifest.key},
          {"created", manifest.created},
          {"inputs", manifest.inputs},
          {"files", std::move(files)}};
}

TemplateManifest parse_manifest(std::string_view text) {
  const base::Json json = base::parse_json_object(text, "the template's manifest");
  base::JsonReader reader(json, "the template's manifest");
  if (reader.required<int>("format") != kManifestFormat)
    throw base::Error("the template's manifest has another format");
  TemplateManifest manifest;
  manifest.key = reader.required<std::string>("key");
  manifest.created = reader.required<std::string>("created");
  manifest.inputs = reader.required<base::Json>("inputs");
  const auto files = reader.required<base::Json>("files");
  reader.finish();
  if (!manifest.inputs.is_object()) throw base::Error("the template's manifest has inputs that are not an object");
  base::JsonReader file_reader(files, "the files of the template's manifest");
  for (const char* name : kTemplateFiles) {
    const auto entry = file_reader.required<base::Json>(name);
    base::JsonReader fields(entry, "a file of the template's manifest");
    FileRecord record;
    record.size_bytes = fields.required<uint64_t>("size_bytes");
    record.inode = fields.required<uint64_t>("inode");
    record.mtime_ns = fields.required<int64_t>("mtime_ns");
    record.ctime_ns = fields.required<int64_t>("ctime_ns");
    record.digest = fields.required<std::string>("digest");
    fields.finish();
    manifest.files[name] = record;
  }
  file_reader.finish();
  return manifest;
}

FileRecord record_file(const std::string& folder, const std::string& name) {
  struct stat info {};
  if (::lstat((folder + "/" + name).c_str(), &info) != 0 || !S_ISREG(info.st_mode))
    throw base::system_error("cannot record the template's file", name);
  FileRecord record = stat_record(info, name);
  record.digest = digest_of(folder, name);
  return record;
}

std::string changed_since(const TemplateManifest& manifest, const std::string& folder) {
  for (const auto& [name, recorded] : manifest.files) {
    struct stat info {};
    if (::lstat((folder + "/" + name).c_str(), &info) != 0) return "the file '" + name + "' is missing";
    if (!S_ISREG(info.st_mode)) return "'" + name + "' is not a regular file";
    const FileRecord now = stat_record(info, name);
    const std::string changed = "the file '" + name + "' has changed (its ";
    if (now.size_bytes != recorded.size_bytes) return changed + "size)";
    if (now.inode != recorded.inode) return changed + "inode)";
    if (now.mtime_ns != recorded.mtime_ns) return changed + "modification time)";
    if (now.ctime_ns != recorded.ctime_ns) return changed + "change time)";
    if (is_state(name) && digest_of(folder, name) != recorded.digest) return changed + "content)";
  }
  return {};
}

std::string content_changed_since(const TemplateManifest& manifest, const std::string& folder) {
  for (const auto& [name, recorded] : manifest.files) {
    if (digest_of(folder, name) != recorded.digest) return "the file '" + name + "' has changed (its content)";
  }
  return {};
}

Template template_of(const TemplateManifest& manifest, const std::string& folder) {
  Template made;
  made.key = manifest.key;
  made.folder = folder;
  made.created = manifest.created;
  made.inputs = manifest.inputs;
  return made;
}

base::Bytes size_on_disk(const std::string& folder) {
  base::Bytes total;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) == 0) total.count += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  return total;
}

}  // namespace caisson::image
