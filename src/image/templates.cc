// SPDX-License-Identifier: Apache-2.0

#include "image/templates.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/scope.h"
#include "base/text.h"
#include "image/digest.h"
#include "image/store.h"
#include "image/template_manifest.h"
#include "image/work_folder.h"

namespace caisson::image {
namespace {

// A killed maker's folder and a template that is on its way out have this before or behind their key.
constexpr std::string_view kDraftPrefix = ".making-";
constexpr std::string_view kGonePrefix = ".gone-";

void sync_path(const std::string& path, int flags) {
  const base::Fd file = base::open_file(path, flags);
  if (::fsync(file.get()) != 0)
    throw base::system_error("cannot sync", path, errno, errno == ENOSPC ? "free some disk space" : "");
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

void require_key(const std::string& key) {
  if (!is_digest(key)) throw base::Error("the template key " + base::in_quotes(key) + " is not a digest");
}

// Copies the parts of a file that hold data; holes stay holes.
void copy_data(int from, int to, const struct stat& info, const std::string& name) {
  if (::ftruncate(to, info.st_size) != 0) throw base::system_error("cannot set the size of", name);
  off_t offset = 0;
  while (offset < info.st_size) {
    off_t data = ::lseek(from, offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) data = offset;
    off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) hole = info.st_size;
    if (::lseek(to, data, SEEK_SET) < 0) throw base::system_error("cannot copy", name);
    while (data < hole) {
      // Not copy_file_range(2): between two kinds of file systems (a cache on disk, a sandbox on tmpfs) it fails with
      // EXDEV.
      const ssize_t copied = ::sendfile(to, from, &data, static_cast<size_t>(hole - data));
      if (copied < 0)
        throw base::system_error("cannot copy", name, errno, errno == ENOSPC ? "free some disk space" : "");
      if (copied == 0) return;
    }
    offset = hole;
  }
}

}  // namespace

void copy_file(const std::string& from, const std::string& to) {
  const base::Fd source = base::open_file(from, O_RDONLY | O_NOFOLLOW);
  const base::Fd target = base::open_file(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
  base::Scope undo([&] { ::unlink(to.c_str()); });
  struct stat info {};
  if (::fstat(source.get(), &info) != 0) throw base::system_error("cannot look at", from);
  if (::ioctl(target.get(), FICLONE, source.get()) != 0) copy_data(source.get(), target.get(), info, to);
  undo.dismiss();
}

void link_or_copy(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return;
  // Another file system, too many links, or one that has none (EPERM).
  if (errno != EXDEV && errno != EMLINK && errno != EPERM) throw base::system_error("cannot link", to);
  copy_file(from, to);
}

TemplateDraft::TemplateDraft(std::string folder) : folder_(std::move(folder)) {
  note_own(folder_);
}

TemplateDraft::~TemplateDraft() {
  if (folder_.empty()) return;
  try {
    remove_tree(folder_);
  } catch (const base::Error&) {  // begin() removes it next time
  }
  forget_own(folder_);
}

std::optional<base::FileLock> wait_for_maker(const std::string& cache, const std::string& draft) {
  const std::filesystem::path path(draft);
  const std::string name = path.filename();
  if (path.parent_path() != std::filesystem::path(cache + "/templates") || !name.starts_with(kDraftPrefix))
    return std::nullopt;
  const std::string key = name.substr(kDraftPrefix.size());
  if (!is_digest(key)) return std::nullopt;
  return TemplateStore(cache).lock(key);
}

TemplateStore::TemplateStore(const std::string& cache) : folder_(cache + "/templates") {}

std::string TemplateStore::folder_of(const std::string& key) const {
  return folder_ + "/" + key;
}

TemplateLookup TemplateStore::find(const std::string& key) const {
  require_key(key);
  const std::string folder = folder_of(key);
  try {
    const auto text = base::read_file_if_exists(folder + "/" + kManifestFile, kMaxManifestBytes);
    if (!text) return {.found = std::nullopt, .reason = exists(folder) ? "its manifest is missing" : "not made yet"};
    const TemplateManifest manifest = parse_manifest(*text);
    std::string reason = manifest.key == key ? changed_since(manifest, folder) : "its manifest is for another key";
    if (!reason.empty()) return {.found = std::nullopt, .reason = std::move(reason)};
    return {.found = template_of(manifest, folder), .reason = {}};
  } catch (const base::Error& error) {
    return {.found = std::nullopt, .reason = error.what()};
  }
}

base::FileLock TemplateStore::lock(const std::string& key) const {
  require_key(key);
  base::make_folders(folder_ + "/locks");
  return base::FileLock::acquire(folder_ + "/locks/" + key);
}

std::optional<base::FileLock> TemplateStore::try_lock(const std::string& key) const {
  require_key(key);
  base::make_folders(folder_ + "/locks");
  return base::FileLock::try_acquire(folder_ + "/locks/" + key);
}

TemplateDraft TemplateStore::begin(const std::string& key) const {
  require_key(key);
  std::string folder = folder_ + "/" + std::string(kDraftPrefix) + key;
  remove_tree(folder);
  remove_tree(folder_ + "/" + std::string(kGonePrefix) + key);
  TemplateDraft draft(std::move(folder));
  base::make_folders(draft.folder());
  return draft;
}

Template TemplateStore::commit(TemplateDraft draft, const std::string& key, const TemplateInputs& inputs) const {
  require_key(key);
  // Times and digests are taken after the sync: pages that QEMU wrote through a mapping change the file's time at
  // write-back.
  for (const char* name : kTemplateFiles) sync_path(draft.folder() + "/" + name, O_RDONLY);
  TemplateManifest manifest;
  manifest.key = key;
  manifest.created = timestamp();
  manifest.inputs = to_json(inputs);
  for (const char* name : kTemplateFiles) manifest.files[name] = record_file(draft.folder(), name);
  base::write_file_atomic(draft.folder() + "/" + kManifestFile, to_json(manifest).dump(2) + "\n");
  sync_path(draft.folder(), O_RDONLY | O_DIRECTORY);
  discard(key);
  if (::rename(draft.folder().c_str(), folder_of(key).c_str()) != 0)
    throw base::system_error("cannot put in place the template", key);
  forget_own(std::exchange(draft.folder_, {}));
  sync_path(folder_, O_RDONLY | O_DIRECTORY);
  return template_of(manifest, folder_of(key));
}

void TemplateStore::discard(const std::string& key) const {
  require_key(key);
  // Out of sight in one step, so that nobody finds it half removed.
  const std::string gone = folder_ + "/" + std::string(kGonePrefix) + key;
  remove_tree(gone);
  if (::rename(folder_of(key).c_str(), gone.c_str()) != 0) {
    if (errno == ENOENT) return;
    throw base::system_error("cannot remove the template", key);
  }
  if (!remove_tree(gone)) throw base::Error("cannot remove the template files in " + base::in_quotes(gone));
}

struct TemplateStore::Abandoned {
  std::string path;
  base::FileLock lock;  // of its key: nobody makes that template now
};

std::vector<TemplateStore::Abandoned> TemplateStore::abandoned() const {
  std::vector<Abandoned> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    for (const std::string_view prefix : {kDraftPrefix, kGonePrefix}) {
      if (!name.starts_with(prefix) || !is_digest(name.substr(prefix.size()))) continue;
      if (auto lock = try_lock(name.substr(prefix.size()))) found.push_back({entry.path(), std::move(*lock)});
    }
  }
  return found;
}

bool TemplateStore::has_abandoned() const {
  return !abandoned().empty();
}

void TemplateStore::sweep() const {
  for (const Abandoned& left : abandoned()) remove_tree(left.path);
}

std::vector<Template> TemplateStore::list() const {
  std::vector<Template> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (!is_digest(entry.path().filename().string())) continue;
    try {
      const auto text = base::read_file_if_exists(entry.path().string() + "/" + kManifestFile, kMaxManifestBytes);
      if (text) found.push_back(template_of(parse_manifest(*text), entry.path()));
    } catch (const base::Error&) {  // verify_all() reports it; here only what can be used counts
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.created < b.created; });
  return found;
}

std::optional<TemplateCheck> TemplateStore::verify(const std::string& key) const {
  require_key(key);
  const std::string folder = folder_of(key);
  if (!exists(folder)) return std::nullopt;
  TemplateCheck check;
  check.key = key;
  check.size = size_on_disk(folder);
  const TemplateLookup quick = find(key);
  check.problem = quick.reason;
  if (!quick.found) return check;
  check.image_digest = quick.found->image_digest();
  try {
    const TemplateManifest manifest = parse_manifest(base::read_file(folder + "/" + kManifestFile, kMaxManifestBytes));
    check.problem = content_changed_since(manifest, folder);
  } catch (const base::Error& error) {  // removed while it was read, or unreadable
    check.problem = error.problem();
  }
  return check;
}

std::vector<TemplateCheck> TemplateStore::verify_all() const {
  std::vector<TemplateCheck> checks;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string key = entry.path().filename();
    if (!is_digest(key)) continue;
    if (auto check = verify(key)) checks.push_back(std::move(*check));
  }
  std::sort(checks.begin(), checks.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return checks;
}

size_t TemplateStore::discard_for_image(const std::string& digest) const {
  size_t count = 0;
  for (const Template& made : list()) {
    if (made.image_digest() != digest) continue;
    const base::FileLock held = lock(made.key);
    discard(made.key);
    ++count;
  }
  return count;
}

}  // namespace caisson::image
