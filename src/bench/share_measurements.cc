// SPDX-License-Identifier: Apache-2.0

#include "bench/share_measurements.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "bench/share_mount.h"
#include "bench/statistics.h"

namespace caisson::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kFilesInFolder = 20;
constexpr size_t kBlockBytes = 1 << 20;
constexpr size_t kSmallBytes = 4096;
constexpr int kSmallReads = 20'000;

// Everything is below it, and goes with it.
class WorkFolder {
 public:
  explicit WorkFolder(const OwnMounts& own)
      : own_(own), path_((fs::temp_directory_path() / "caisson-bench-share.XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw base::system_error("cannot make", path_);
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  std::string make(const std::string& name) const {
    fs::create_directories(path_ + "/" + name);
    return path_ + "/" + name;
  }

  // A share of `folder`, mounted at another one.
  std::unique_ptr<ShareMount> mount(const std::string& folder, const std::string& mode) const {
    return std::make_unique<ShareMount>(
        own_, ShareMount::Options{folder, make("mount-of-" + fs::path(folder).filename().string()), mode});
  }

 private:
  const OwnMounts& own_;
  std::string path_;
};

void make_files(const std::string& folder, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string below =
        folder + "/d" + std::to_string(i / (kFilesInFolder * 50)) + "/f" + std::to_string(i / kFilesInFolder);
    if (i % kFilesInFolder == 0) fs::create_directories(below);
    std::ofstream(below + "/file" + std::to_string(i) + ".txt") << "file " << i << "\n";
  }
}

void drop_caches() {
  ::sync();
  base::write_all(base::open_file("/proc/sys/vm/drop_caches", O_WRONLY).get(), std::string_view("3\n"), "drop_caches");
}

// The same on both sides, in turn; and how many times as long it takes there, or as much gets through.
class ShareContest {
 public:
  ShareContest(const std::string& key, const std::string& name, const std::string& unit)
      : native_{.key = key + ".native", .name = name + ", in the folder itself", .unit = unit},
        shared_{.key = key, .name = name + ", in the share", .unit = unit},
        ratio_{.key = key + ".ratio", .name = "share / folder", .unit = "×"} {}

  using Measure = std::function<double(const std::string& folder)>;
  void round(const std::string& native, const std::string& shared, const Measure& measure) {
    const bool both = attempt(native_, [&] { return measure(native); });
    if (attempt(shared_, [&] { return measure(shared); }) && both)
      ratio_.values.push_back(shared_.values.back() / native_.values.back());
  }
  void add_to(Section& section) const {
    for (const Row& row : {native_, shared_, ratio_}) section.rows.push_back(row);
  }

 private:
  Row native_;
  Row shared_;
  Row ratio_;
};

double milliseconds_of(const std::function<void()>& work) {
  const int64_t began = monotonic_us();
  work();
  return static_cast<double>(monotonic_us() - began) / 1000;
}

Argv git(const std::string& folder, const Argv& words) {
  Argv argv = {
      "git", "-c",  "safe.directory=*", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "gc.auto=0",
      "-C",  folder};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

Section measure_status(const Runner& runner, const ShareSettings& settings, const WorkFolder& work) {
  Section section{.title = "git status", .rows = {}};
  for (const int files : settings.status_files) {
    const std::string native = work.make("status" + std::to_string(files));
    make_files(native, files);
    for (const Argv& words : {Argv{"init", "-q"}, Argv{"add", "."}, Argv{"commit", "-qm", "x"}})
      runner.run(git(native, words));
    // The owner that git has noted is another one in the share: so each side has an index of its own.
    const std::string other = work.make("status-shared" + std::to_string(files));
    fs::copy(native, other, fs::copy_options::recursive);
    const std::string name = "git status, " + std::to_string(files) + " files";
    const std::string key = "share.status." + std::to_string(files);
    const auto status = [&](const std::string& folder) {
      return runner.run(git(folder, {"status", "--porcelain"})).milliseconds();
    };
    ShareContest writable(key + ".rw.warm", name + ", warm, mode rw", "ms");
    ShareContest warm(key + ".warm", name + ", warm, as below an overlay", "ms");
    ShareContest cold(key + ".cold", name + ", cold, as below an overlay", "ms");
    {
      const auto share = work.mount(other, "rw");
      // The first one has git note what it finds there in its index.
      for (const std::string& folder : {native, share->path()}) runner.run(git(folder, {"status"}));
      for (int i = 0; i < settings.rounds; ++i) writable.round(native, share->path(), status);
    }
    const auto share = work.mount(other, "ro");
    runner.run(git(share->path(), {"status"}));
    for (int i = 0; i < settings.rounds; ++i) warm.round(native, share->path(), status);
    for (int i = 0; i < settings.rounds; ++i)
      cold.round(native, share->path(), [&](const std::string& folder) {
        drop_caches();
        return status(folder);
      });
    for (const ShareContest* contest : {&warm, &cold, &writable}) contest->add_to(section);
  }
  return section;
}

Section measure_untar(const Runner& runner, const ShareSettings& settings, const WorkFolder& work) {
  Section section{.title = "Unpacking", .rows = {}};
  const std::string source = work.make("untar-source");
  const int files = settings.status_files.front();
  make_files(source, files);
  const std::string archive = work.make("archive") + "/files.tar";
  runner.run({"tar", "-cf", archive, "-C", source, "."});
  const std::string native = work.make("untar-native");
  const auto share = work.mount(work.make("untar-shared"), "rw");
  ShareContest untar("share.untar", "tar -x of " + std::to_string(files) + " files", "ms");
  for (int i = 0; i < settings.rounds; ++i)
    untar.round(native, share->path(), [&](const std::string& folder) {
      const std::string target = folder + "/" + std::to_string(i);
      fs::create_directory(target);
      return runner.run({"tar", "--no-same-owner", "-xf", archive, "-C", target}).milliseconds();
    });
  untar.add_to(section);
  return section;
}

double read_in_blocks(const std::string& path, int64_t bytes) {
  const base::Fd file = base::open_file(path, O_RDONLY);
  // What this side keeps of it goes; below a share the host keeps it, as a sandbox's first read finds it.
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  std::string block(kBlockBytes, '\0');
  const double time = milliseconds_of([&] {
    while (::read(file.get(), block.data(), block.size()) > 0) {
    }
  });
  return static_cast<double>(bytes) / kBytesInMb / (time / 1000);
}

double write_in_blocks(const std::string& path, int64_t bytes) {
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const std::string block(kBlockBytes, 'x');
  const double time = milliseconds_of([&] {
    for (int64_t done = 0; done < bytes; done += static_cast<int64_t>(block.size()))
      base::write_all(file.get(), block, path);
  });
  return static_cast<double>(bytes) / kBytesInMb / (time / 1000);
}

double small_at_random(const std::string& path, int64_t bytes, bool write) {
  const base::Fd file = base::open_file(path, write ? O_RDWR : O_RDONLY);
  if (!write) ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_RANDOM);
  std::mt19937 random(1);
  std::uniform_int_distribution<int64_t> place(0, bytes / static_cast<int64_t>(kSmallBytes) - 1);
  std::string block(kSmallBytes, 'y');
  const double time = milliseconds_of([&] {
    for (int i = 0; i < kSmallReads; ++i) {
      const off_t at = place(random) * static_cast<off_t>(kSmallBytes);
      const ssize_t done = write ? ::pwrite(file.get(), block.data(), block.size(), at)
                                 : ::pread(file.get(), block.data(), block.size(), at);
      if (done != static_cast<ssize_t>(block.size())) throw base::system_error("cannot read or write", path);
    }
  });
  return kSmallReads / time;
}

Section measure_content(const ShareSettings& settings, const WorkFolder& work) {
  Section section{.title = "Content", .rows = {}};
  const std::string native = work.make("content");
  const std::string other = work.make("content-shared");
  const auto share = work.mount(other, "rw");
  const std::string size = std::to_string(settings.file_bytes >> 20) + " MiB";
  ShareContest written("share.write", "writing " + size + " by 1 MiB", "MB/s");
  ShareContest read("share.read", "reading " + size + " by 1 MiB, not kept on this side", "MB/s");
  ShareContest small_reads("share.read4k", "4 KiB at random places, read, warm", "1/ms");
  ShareContest small_writes("share.write4k", "4 KiB at random places, written", "1/ms");
  for (int i = 0; i < settings.rounds; ++i) {
    written.round(native, share->path(),
                  [&](const std::string& folder) { return write_in_blocks(folder + "/file", settings.file_bytes); });
    ::sync();
    // Natively "not kept" would measure the disk: there the page cache is what a share's host has as well.
    read.round(native, share->path(), [&](const std::string& folder) {
      if (folder == native) (void)read_in_blocks(folder + "/file", settings.file_bytes);
      return read_in_blocks(folder + "/file", settings.file_bytes);
    });
    small_reads.round(native, share->path(), [&](const std::string& folder) {
      return small_at_random(folder + "/file", settings.file_bytes, false);
    });
    small_writes.round(native, share->path(), [&](const std::string& folder) {
      return small_at_random(folder + "/file", settings.file_bytes, true);
    });
  }
  for (const ShareContest* contest : {&written, &read, &small_reads, &small_writes}) contest->add_to(section);
  return section;
}

int walked = 0;

double walk(const std::string& folder) {
  walked = 0;
  const double time = milliseconds_of([&] {
    ::nftw(
        folder.c_str(),
        [](const char*, const struct stat*, int, FTW*) {
          ++walked;
          return 0;
        },
        64, FTW_PHYS);
  });
  if (walked == 0) throw base::Error("nothing was found in '" + folder + "'");
  return time;
}

Section measure_walk(const ShareSettings& settings, const WorkFolder& work) {
  Section section{.title = "Walking over many files, with the attributes of each", .rows = {}};
  const std::string native = work.make("walk");
  make_files(native, settings.walk_files);
  const auto share = work.mount(native, "ro");
  const std::string name = "a walk over " + std::to_string(settings.walk_files) + " files";
  ShareContest first("share.walk.first", name + ", the first", "ms");
  ShareContest warm("share.walk.warm", name + ", warm", "ms");
  first.round(native, share->path(), walk);
  for (int i = 0; i < settings.rounds; ++i) warm.round(native, share->path(), walk);
  first.add_to(section);
  warm.add_to(section);
  Row memory{.key = "share.memory", .name = "memory of caisson-share behind it", .unit = "MB", .note = "resident"};
  attempt(memory, [&] { return static_cast<double>(share->resident_bytes()) / kBytesInMb; });
  section.rows.push_back(memory);
  return section;
}

}  // namespace

Results measure_share(const Runner& runner, const ShareSettings& settings) {
  const OwnMounts own;
  const WorkFolder work(own);
  Results results;
  results.push_back(measure_status(runner, settings, work));
  results.push_back(measure_untar(runner, settings, work));
  results.push_back(measure_content(settings, work));
  results.push_back(measure_walk(settings, work));
  return results;
}

std::vector<Target> share_targets() {
  return {
      {"share.status.10000.warm.ratio", "git status on 10,000 files, warm, next to the folder itself", 2,
       Bound::kAtMost},
      {"share.status.50000.warm.ratio", "git status on 50,000 files, warm, next to the folder itself", 2,
       Bound::kAtMost},
      {"share.walk.warm.ratio", "a walk over many files, warm, next to the folder itself", 2, Bound::kAtMost},
      {"share.read", "reading by 1 MiB", 1000, Bound::kAtLeast},
      {"share.write", "writing by 1 MiB", 1000, Bound::kAtLeast},
  };
}

}  // namespace caisson::bench
