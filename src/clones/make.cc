// SPDX-License-Identifier: Apache-2.0

#include "clones/make.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <optional>
#include <set>

#include "base/beneath.h"
#include "base/error.h"
#include "base/file.h"
#include "base/folder_names.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "clones/git.h"
#include "clones/objects.h"
#include "clones/tree_list.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr size_t kMostRepositories = 64;
constexpr size_t kMostRecordBytes = 1U << 20;

std::string record_path(const std::string& sandbox_folder, uint32_t id) {
  return folder_of_clone(sandbox_folder, id) + "/clone.json";
}

std::string files_in_words(uint64_t count) {
  return count == 1 ? "1 file that is" : std::to_string(count) + " files that are";
}

class Maker {
 public:
  explicit Maker(const MakeOptions& options)
      : options_(options),
        hidden_(options.masks, options.unmasks),
        top_(folder_of_clone(options.sandbox_folder, options.id)) {}

  std::vector<std::string> make() {
    base::make_folders(top_ + "/repos");
    const Source source = look_at_source(options_.host, top_);
    const std::optional<uint64_t> files = uncommitted_files(source);
    if (!files)
      notes_.push_back("what is not committed in " + base::in_quotes(source.folder) +
                       " could not be counted: the clone does not have that");
    if (files && *files > 0)
      notes_.push_back(base::in_quotes(source.folder) + " has " + files_in_words(*files) +
                       " not committed: the clone does not have that");
    clone(source, "", source.head, source.branch);
    write_record();
    return std::move(notes_);
  }

 private:
  std::string tree(const std::string& path) const { return top_ + "/tree" + (path.empty() ? "" : "/" + path); }
  std::string doing(const Source& source) const { return "cannot clone " + base::in_quotes(source.folder); }

  // `path` is from the workspace's top; `commit` is what is checked out, on `branch` where it is one.
  void clone(const Source& source, const std::string& path, const std::string& commit, const std::string& branch) {
    if (made_.size() == kMostRepositories)
      throw Error(doing(source) + ": it has more than " + std::to_string(kMostRepositories - 1) + " submodules");
    for (const ClonedRepository& one : made_) {
      if (one.repository == source.repository.id())
        throw Error(doing(source) + ": it is there twice", "share the two as they are: leave out :clone");
    }
    check_branch_is_free(source, options_.sandbox);
    const std::string receiving = repository_folder(options_.sandbox_folder, options_.id, made_.size());
    made_.push_back({.path = path,
                     .host = source.folder,
                     .repository = source.repository.id(),
                     .format = source.repository.format(),
                     .base = commit});
    std::vector<TreeEntry> files;
    if (!commit.empty()) files = list_tree(source.repository.call({}), commit, doing(source));
    const PackedObjects packed = make_tree(source, path, commit, branch, files);
    make_receiving(source, commit, packed, receiving);
    for (const TreeEntry& one : files) {
      if (one.kind == TreeEntry::Kind::kSubmodule) add(source, path, one);
    }
  }

  // The repository for what comes back: it knows what was given by name, and has no object itself.
  void make_receiving(const Source& source, const std::string& commit, const PackedObjects& packed,
                      const std::string& repository) const {
    make_bare(repository, source.repository.format());
    copy_shallow(source, repository);
    write_text(repository + "/" + kHiddenList, base::join({packed.left_out.begin(), packed.left_out.end()}, "\n"));
    std::string lines;
    for (const Reference& one : given(source, packed))
      lines += one.object + " refs/given/" + one.name.substr(std::string_view("refs/").size()) + "\n";
    if (!commit.empty()) lines += commit + " refs/given/HEAD\n";
    write_text(repository + "/packed-refs", lines);
  }

  // A tag may be one of a file, and that one hidden.
  static std::vector<Reference> given(const Source& source, const PackedObjects& packed) {
    std::vector<Reference> references;
    for (const Reference& one : source.repository.references()) {
      if (packed.left_out.count(one.object) == 0) references.push_back(one);
    }
    return references;
  }

  void copy_shallow(const Source& source, const std::string& repository) const {
    if (const auto& cut = source.repository.shallow()) write_text(repository + "/shallow", *cut);
  }

  // Where a commit of the superproject's says that a submodule is: nothing but an empty folder, in it.
  void make_own_folder(const Source& source, const std::string& path) const {
    if (path.empty()) base::make_folders(tree(path));
    const base::Fd top = base::open_without_links(tree(""), O_PATH | O_DIRECTORY);
    base::Fd folder = base::open_beneath(top.get(), path, O_RDONLY | O_DIRECTORY);
    if (!folder || !base::folder_names(std::move(folder), path).empty())
      throw Error(doing(source) + ": in the clone, its place " + base::in_quotes(path) + " is no empty folder");
  }

  GitCall in_tree(const std::string& path, std::vector<std::string> arguments) const {
    return {.repository = tree(path) + "/.git",
            .arguments = std::move(arguments),
            .work_tree = tree(path),
            .changes = {tree(path)}};
  }

  PackedObjects make_tree(const Source& source, const std::string& path, const std::string& commit,
                          const std::string& branch, const std::vector<TreeEntry>& files) const {
    const std::string own = tree(path) + "/.git";
    make_own_folder(source, path);
    base::make_folders(own);
    git_output({.repository = own,
                .arguments = {"init", "--quiet", "--template=", "--object-format=" + source.repository.format(),
                              "--initial-branch=" + (branch.empty() ? "main" : branch)},
                .work_tree = tree(path),
                .changes = {tree(path)}},
               doing(source));
    base::make_folders(own + "/objects/pack");
    base::make_folders(own + "/info");
    copy_shallow(source, own);
    std::set<std::string> tips;
    for (const Reference& one : source.repository.references()) tips.insert(one.object);
    if (!commit.empty()) tips.insert(commit);
    PackedObjects packed = pack_objects({.source = source,
                                         .repository = own,
                                         .prefix = path.empty() ? "" : path + "/",
                                         .tips = {tips.begin(), tips.end()},
                                         .files = files,
                                         .hidden = hidden_,
                                         .scratch = top_});
    configure(own, source, packed);
    set_references(source, path, {.commit = commit, .branch = branch, .packed = packed});
    if (!commit.empty()) check_out(source, path);
    return packed;
  }

  // git does not trust the times of a file that was written in the second of its index, and reads it again ("racy git"
  // in its technical documents): the first command in the sandbox would read most of the clone, through the share. So
  // the files are made older than the index, once, here. What the sandbox writes has another time than that.
  void check_out(const Source& source, const std::string& path) const {
    constexpr time_t kOlderSeconds = 2;
    git_output(in_tree(path, {"read-tree", "--reset", "-u", "HEAD"}), doing(source));
    const timespec before{.tv_sec = ::time(nullptr) - kOlderSeconds, .tv_nsec = 0};
    const timespec times[2] = {before, before};
    std::error_code failed;
    fs::recursive_directory_iterator entry(tree(path), failed);
    for (; !failed && entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
      if (entry.depth() == 0 && entry->path().filename() == ".git") {
        entry.disable_recursion_pending();
      } else if (!entry->is_directory(failed) || entry->is_symlink(failed)) {
        ::utimensat(AT_FDCWD, entry->path().c_str(), times, AT_SYMLINK_NOFOLLOW);
      }
    }
    git_output(in_tree(path, {"update-index", "-q", "--refresh"}), doing(source));
  }

  // Size and time tell whether a file has changed: its other attributes are others in the sandbox, and git would read
  // every file once for that. What is not there is told to git as it tells itself: as files that are not checked out,
  // and objects that somebody has promised (gitformat-pack(5), partial-clone in git's technical documents).
  void configure(const std::string& own, const Source& source, const PackedObjects& packed) const {
    const bool incomplete = !packed.left_out.empty() || source.repository.is_partial();
    std::string text = base::read_file(own + "/config") + "[core]\n\tcheckStat = minimal\n\ttrustctime = false\n";
    if (!packed.hidden_paths.empty()) {
      text += "\tsparseCheckout = true\n\tsparseCheckoutCone = false\n";
      std::string lines = "/*\n";
      for (const std::string& path : packed.hidden_paths) lines += sparse_line(path) + "\n";
      write_text(own + "/info/sparse-checkout", lines);
    }
    if (incomplete) text += "[remote \"hidden\"]\n\tpromisor = true\n\turl = hidden-by-caisson::\n";
    write_text(own + "/config", text);
    if (!incomplete) return;
    std::vector<std::string> packs;
    for (const fs::directory_entry& entry : fs::directory_iterator(own + "/objects/pack")) {
      if (entry.path().extension() == ".pack")
        packs.push_back((entry.path().parent_path() / entry.path().stem()).string());
    }
    for (const std::string& pack : packs) write_text(pack + ".promisor", "");
  }

  // As `git clone` has them: the source's branches are those of "origin".
  struct CheckedOut {
    const std::string& commit;
    const std::string& branch;
    const PackedObjects& packed;
  };
  void set_references(const Source& source, const std::string& path, const CheckedOut& out) const {
    constexpr std::string_view kHeads = "refs/heads/";
    GitCall call = in_tree(path, {"update-ref", "--stdin"});
    for (const Reference& one : given(source, out.packed)) {
      const std::string name =
          one.name.starts_with(kHeads) ? "refs/remotes/origin/" + one.name.substr(kHeads.size()) : one.name;
      call.input += "create " + name + " " + one.object + "\n";
    }
    if (!out.commit.empty() && !out.branch.empty())
      call.input += "create refs/heads/" + out.branch + " " + out.commit + "\n";
    if (!call.input.empty()) git_output(call, doing(source));
    // In one file: a branch's name may look like one that the masks hide.
    git_output(in_tree(path, {"pack-refs", "--all"}), doing(source));
    if (!out.commit.empty() && out.branch.empty())
      git_output(in_tree(path, {"update-ref", "--no-deref", "HEAD", out.commit}), doing(source));
  }

  // Not through a link: what is cloned is in the workspace.
  static bool is_checked_out(const std::string& folder, const std::string& path) {
    std::error_code failed;
    const fs::path place = fs::path(folder) / path;
    return fs::canonical(place, failed) == place && !failed && fs::exists(place / ".git", failed);
  }

  void add(const Source& super, const std::string& path, const TreeEntry& submodule) {
    const std::string whole = path.empty() ? submodule.path : path + "/" + submodule.path;
    const std::string name = "the submodule " + base::in_quotes(whole);
    if (hidden_.look(whole).sight == HiddenPaths::Sight::kHidden) return;
    if (!is_checked_out(super.folder, submodule.path)) {
      notes_.push_back(name + " is not checked out here: the clone does not have it");
      return;
    }
    const Source source = look_at_source(super.folder + "/" + submodule.path, top_);
    if (!source.repository.is_ok({"cat-file", "-e", submodule.object + "^{commit}"})) {
      notes_.push_back(name + " does not have the commit that is wanted of it: the clone does not have it");
      return;
    }
    if (source.head != submodule.object)
      notes_.push_back(name +
                       " has another commit checked out here than the one that is wanted of it, which the clone has");
    clone(source, whole, submodule.object, "");
    activate(path, submodule.path);
  }

  // As `git submodule init` does it.
  void activate(const std::string& super, const std::string& path) const {
    const GitResult paths =
        run_git(in_tree(super, {"config", "--file", ".gitmodules", "-z", "--get-regexp", "^submodule\\..*\\.path$"}));
    for (const std::string& entry : base::split(paths.out, '\0')) {
      const size_t end = entry.find('\n');
      if (end == std::string::npos || entry.substr(end + 1) != path) continue;
      const std::string key = entry.substr(0, end - std::string_view(".path").size());
      const std::string url(
          base::trimmed(run_git(in_tree(super, {"config", "--file", ".gitmodules", "--get", key + ".url"})).out));
      run_git(in_tree(super, {"config", key + ".active", "true"}));
      if (!url.empty()) run_git(in_tree(super, {"config", key + ".url", url}));
    }
  }

  void write_record() const {
    base::Json list = base::Json::array();
    for (const ClonedRepository& one : made_)
      list.push_back({{"path", base::hex(one.path)},
                      {"host", base::hex(one.host)},
                      {"repository", base::hex(one.repository.folder)},
                      {"device", one.repository.device},
                      {"inode", one.repository.inode},
                      {"format", one.format},
                      {"base", one.base}});
    write_text(record_path(options_.sandbox_folder, options_.id),
               base::to_line(base::Json{{"repositories", std::move(list)}}) + "\n");
  }

  const MakeOptions& options_;
  const HiddenPaths hidden_;
  const std::string top_;
  std::vector<ClonedRepository> made_;
  std::vector<std::string> notes_;
};

std::string bytes_of(base::JsonReader& reader, const char* key) {
  return base::from_hex(reader.required<std::string>(key)).value_or("");
}

}  // namespace

std::string folder_of_clone(const std::string& sandbox_folder, uint32_t id) {
  return sandbox_folder + "/clones/" + std::to_string(id);
}

std::string tree_of_clone(const std::string& sandbox_folder, uint32_t id) {
  return folder_of_clone(sandbox_folder, id) + "/tree";
}

std::string repository_folder(const std::string& sandbox_folder, uint32_t id, size_t number) {
  return folder_of_clone(sandbox_folder, id) + "/repos/" + std::to_string(number) + ".git";
}

std::vector<std::string> make_clone(const MakeOptions& options) {
  return Maker(options).make();
}

std::vector<ClonedRepository> read_clone(const std::string& sandbox_folder, uint32_t id) {
  const std::string path = record_path(sandbox_folder, id);
  const base::Json json = base::parse_json_object(base::read_file(path, kMostRecordBytes), base::in_quotes(path));
  base::JsonReader reader(json, base::in_quotes(path));
  std::vector<ClonedRepository> repositories;
  for (const base::Json& item : reader.raw("repositories")) {
    base::JsonReader one(item, base::in_quotes(path));
    ClonedRepository repository;
    repository.path = bytes_of(one, "path");
    repository.host = bytes_of(one, "host");
    repository.repository = {.folder = bytes_of(one, "repository"),
                             .device = one.required<uint64_t>("device"),
                             .inode = one.required<uint64_t>("inode")};
    repository.format = one.required<std::string>("format");
    repository.base = one.required<std::string>("base");
    one.finish();
    repositories.push_back(std::move(repository));
  }
  reader.finish();
  return repositories;
}

}  // namespace caisson::clones
