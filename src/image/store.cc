// SPDX-License-Identifier: Apache-2.0

#include "image/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <set>

#include "base/fd.h"
#include "base/text.h"
#include "image/digest.h"

namespace caisson::image {
namespace {

constexpr std::string_view kSuffix = ".erofs";
constexpr std::string_view kRecordSuffix = ".json";
constexpr size_t kMinPrefix = 6;
constexpr int kRecordFormat = 1;

// A name's file: '/' and ':' are legal in names ("team/tools:1") and are spelt "%2F" and "%3A" there.
std::string file_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '/') {
      out += "%2F";
    } else if (c == ':') {
      out += "%3A";
    } else {
      out += c;
    }
  }
  return out + std::string(kRecordSuffix);
}

// The name whose file this is; "" for what is no such file.
std::string name_of(std::string_view file) {
  std::string name(file.substr(0, file.size() - kRecordSuffix.size()));
  for (const auto& [spelt, stands_for] : {std::pair("%2F", "/"), std::pair("%3A", ":")}) {
    for (size_t at = 0; (at = name.find(spelt, at)) != std::string::npos; ++at) name.replace(at, 3, stands_for);
  }
  try {
    validate_image_name(name);
  } catch (const base::Error&) {
    return {};
  }
  return name;
}

ImageRecord record_from_json(const base::Json& json, const std::string& path) {
  base::JsonReader reader(json, path);
  if (reader.required<int>("format") != kRecordFormat)
    throw base::Error("the image record " + base::in_quotes(path) + " has a format that this version does not know",
                      "remove it, or use the version of caisson that wrote it");
  ImageRecord record;
  record.name = reader.required<std::string>("name");
  record.digest = reader.required<std::string>("digest");
  record.size = base::Bytes{reader.required<uint64_t>("size_bytes")};
  record.created = reader.required<std::string>("created");
  record.source = reader.required<std::string>("source");
  record.has_dockerd = reader.required<bool>("has_dockerd");
  record.recipe = reader.optional<std::string>("recipe", "");
  record.config = config_from_json(reader.raw("config"));
  reader.finish();
  if (!is_digest(record.digest))
    throw base::Error("the image record " + base::in_quotes(path) + " has no valid digest");
  return record;
}

void sync_folder(const std::string& path) {
  const base::Fd folder = base::open_file(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(folder.get()) != 0) throw base::system_error("cannot sync", path);
}

std::optional<base::Bytes> size_of_file(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return base::Bytes{static_cast<uint64_t>(info.st_size)};
}

}  // namespace

base::Json to_json(const ImageRecord& record) {
  return {{"format", kRecordFormat},         {"name", record.name},
          {"digest", record.digest},         {"size_bytes", record.size.count},
          {"created", record.created},       {"source", record.source},
          {"recipe", record.recipe},         {"has_dockerd", record.has_dockerd},
          {"config", to_json(record.config)}};
}

std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void validate_image_name(std::string_view name) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool fine = !name.empty() && name.size() <= 128 && is_word(name[0]) &&
                    name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), [&](char c) {
                      return is_word(c) || c == '_' || c == '.' || c == '-' || c == '/' || c == ':';
                    });
  if (!fine)
    throw base::Error("the image name " + base::in_quotes(name) + " is not valid",
                      "use letters, digits, '_', '.', '-', '/' and ':', beginning with a letter or digit, at most 128");
}

ImageStore::ImageStore(std::string cache)
    : cache_(std::move(cache)), folder_(cache_ + "/images"), names_(folder_ + "/names") {}

std::string ImageStore::path_of(const std::string& digest) const {
  return folder_ + "/" + digest + std::string(kSuffix);
}

base::FileLock ImageStore::lock() const {
  base::make_folders(names_);
  return base::FileLock::acquire(folder_ + "/lock");
}

BadRecord::BadRecord(std::string name, const std::string& path, const base::Error& error)
    : base::Error("cannot read what is known of the image " + base::in_quotes(name.empty() ? path : name) + ": " +
                      error.problem(),
                  name.empty() ? "remove that file"
                               : "`caisson image rm " + name +
                                     "` removes it; then import it again: caisson image import " + name + " SOURCE"),
      name_(std::move(name)) {}

std::optional<ImageRecord> ImageStore::read_name(const std::string& name) const {
  const std::string path = names_ + "/" + file_name(name);
  try {
    const auto text = base::read_file_if_exists(path, 1U << 20);
    if (!text) return std::nullopt;
    ImageRecord record = record_from_json(base::parse_json_object(*text, path), path);
    if (record.name != name) throw base::Error("the image record " + base::in_quotes(path) + " is for another name");
    return record;
  } catch (const base::Error& error) {
    throw BadRecord(name, path, error);
  }
}

std::vector<ImageRecord> ImageStore::list(std::vector<BadRecord>* bad) const {
  std::vector<ImageRecord> found;
  std::set<std::string> named;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(names_, error)) {
    const std::string file = entry.path().filename();
    if (!file.ends_with(kRecordSuffix)) continue;  // a record that is being written
    try {
      const std::string name = name_of(file);
      if (name.empty()) throw BadRecord(name, entry.path(), base::Error("no image has such a name"));
      std::optional<ImageRecord> record = read_name(name);
      if (!record) continue;
      named.insert(record->digest);
      found.push_back(std::move(*record));
    } catch (const BadRecord& problem) {
      if (bad != nullptr) bad->push_back(problem);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<ImageRecord> nameless;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string file = entry.path().filename();
    if (!file.ends_with(kSuffix)) continue;
    ImageRecord record;
    record.digest = file.substr(0, file.size() - kSuffix.size());
    if (!is_digest(record.digest) || named.contains(record.digest)) continue;
    const auto size = size_of_file(entry.path());
    if (!size) continue;
    record.size = *size;
    nameless.push_back(std::move(record));
  }
  std::sort(nameless.begin(), nameless.end(), [](const auto& a, const auto& b) { return a.digest < b.digest; });
  found.insert(found.end(), nameless.begin(), nameless.end());
  return found;
}

std::optional<ImageRecord> ImageStore::find(std::string_view name_or_digest) const {
  const auto usable = [&](const ImageRecord& record) { return size_of_file(path_of(record.digest)).has_value(); };
  std::string_view prefix = name_or_digest;
  const bool digest_only = prefix.starts_with("sha256:");
  if (digest_only) {
    prefix.remove_prefix(7);
  } else {
    validate_image_name(name_or_digest);
    if (auto record = read_name(std::string(name_or_digest))) return usable(*record) ? record : std::nullopt;
  }
  const bool hexadecimal = prefix.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (prefix.size() < kMinPrefix || !hexadecimal) return std::nullopt;
  std::optional<ImageRecord> found;
  for (ImageRecord& record : list()) {
    if (!record.digest.starts_with(prefix) || !usable(record)) continue;
    if (found && found->digest != record.digest)
      throw base::Error("more than one image has a digest that begins with " + base::in_quotes(prefix),
                        "give more digits");
    if (!found) found = std::move(record);
  }
  return found;
}

ImageRecord ImageStore::require(std::string_view name_or_digest) const {
  if (auto record = find(name_or_digest)) return *record;
  throw base::Error("there is no image " + base::in_quotes(name_or_digest),
                    "`caisson image ls` lists them; `caisson image import NAME SOURCE` makes one");
}

ImageRecord ImageStore::add(ImageRecord record, const std::string& file, const std::function<void(uint64_t)>& tick) {
  validate_image_name(record.name);
  {
    const base::Fd content = base::open_file(file, O_RDONLY | O_NOFOLLOW);
    record.digest = sha256_file(content.get(), file, tick);
    if (::fchmod(content.get(), 0400) != 0) throw base::system_error("cannot protect", file);
    if (::fsync(content.get()) != 0) throw base::system_error("cannot sync", file);
    struct stat info {};
    if (::fstat(content.get(), &info) != 0) throw base::system_error("cannot look at", file);
    record.size = base::Bytes{static_cast<uint64_t>(info.st_size)};
  }
  record.created = timestamp();
  const base::FileLock held = lock();
  // Also when the same digest is there already: the new file is known to be whole.
  if (::rename(file.c_str(), path_of(record.digest).c_str()) != 0)
    throw base::system_error("cannot move into the image store", file);
  sync_folder(folder_);
  base::write_file_atomic(names_ + "/" + file_name(record.name), to_json(record).dump(2) + "\n");
  return record;
}

ImageRecord ImageStore::remove(std::string_view name_or_digest, const InUse& in_use) {
  const base::FileLock held = lock();
  std::optional<ImageRecord> record;
  if (!name_or_digest.starts_with("sha256:")) {
    validate_image_name(name_or_digest);
    try {
      record = read_name(std::string(name_or_digest));  // also a name whose file is gone
    } catch (const BadRecord& bad) {
      record.emplace().name = bad.name();
    }
  }
  if (!record) record = require(name_or_digest);
  if (const std::string user = record->digest.empty() ? "" : in_use(record->digest); !user.empty())
    throw base::Error("cannot remove the image " + base::in_quotes(name_or_digest) + ": " + user + " uses it",
                      "remove that first");
  if (!record->name.empty() && ::unlink((names_ + "/" + file_name(record->name)).c_str()) != 0 && errno != ENOENT)
    throw base::system_error("cannot remove the image", name_or_digest);
  if (!record->digest.empty()) remove_file_if_nameless(record->digest);
  return *record;
}

std::string ImageStore::remove_file_if_nameless(const std::string& digest) const {
  std::vector<BadRecord> bad;
  for (const ImageRecord& other : list(&bad)) {
    if (other.digest == digest && !other.name.empty()) return {};
  }
  if (!bad.empty()) return {};  // it may be of this file
  if (::unlink(path_of(digest).c_str()) != 0 && errno != ENOENT)
    throw base::system_error("cannot remove", path_of(digest));
  return digest;
}

std::vector<std::string> ImageStore::prune(const InUse& in_use) {
  const base::FileLock held = lock();
  std::vector<std::string> gone;
  std::vector<BadRecord> bad;
  const std::vector<ImageRecord> records = list(&bad);
  if (!bad.empty()) throw bad.front();
  for (const ImageRecord& record : records) {
    if (!record.name.empty() || !in_use(record.digest).empty()) continue;
    gone.push_back(remove_file_if_nameless(record.digest));
  }
  return gone;
}

std::vector<ImageCheck> ImageStore::verify(const std::function<void(const ImageRecord&, uint64_t)>& tick) const {
  std::vector<ImageCheck> checks;
  std::vector<BadRecord> bad;
  std::vector<ImageRecord> records = list(&bad);
  for (const BadRecord& one : bad) {
    ImageCheck& check = checks.emplace_back();
    check.record.name = one.name();
    check.problem = one.problem();
  }
  for (ImageRecord& record : records) {
    ImageCheck check;
    check.record = std::move(record);
    const base::Fd file = base::open_if_exists(path_of(check.record.digest), O_RDONLY | O_NOFOLLOW);
    if (!file) {
      check.problem = "its file is missing";
    } else {
      const std::string found = sha256_file(file.get(), check.record.digest, [&](uint64_t so_far) {
        if (tick) tick(check.record, so_far);
      });
      check.intact = found == check.record.digest;
      if (!check.intact) check.problem = "its content has changed (the digest is now " + found + ")";
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace caisson::image
