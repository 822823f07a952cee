// SPDX-License-Identifier: Apache-2.0

#include "clones/make.h"

#include <fcntl.h>

#include <charconv>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "clones/git.h"
#include "clones/objects.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr size_t kMostRepositories = 64;
constexpr size_t kMostRecordBytes = 1U << 20;
constexpr size_t kMostShallowBytes = 16U << 20;

std::string folder_of_clone(const std::string& sandbox_folder, uint32_t id) {
  return sandbox_folder + "/clones/" + std::to_string(id);
}

std::string record_path(const std::string& sandbox_folder, uint32_t id) {
  return folder_of_clone(sandbox_folder, id) + "/clone.json";
}

void write_text(const std::string& path, std::string_view text) {
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  base::write_all(file.get(), {text.data(), text.size()}, path);
}

// As git reads a value in its configuration.
std::string config_value(const std::string& text) {
  std::string value = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') value += '\\';
    value += c;
  }
  return value + "\"";
}

// A submodule that this machine has checked out.
struct Submodule {
  std::string path;    // from its superproject's top
  std::string commit;  // which the superproject's commit names
};

class Maker {
 public:
  explicit Maker(const MakeOptions& options)
      : options_(options),
        hidden_(options.masks, options.unmasks),
        top_(folder_of_clone(options.sandbox_folder, options.id)) {}

  std::vector<std::string> make() {
    base::make_folders(top_ + "/repos");
    const Source source = look_at_source(options_.host);
    if (const uint64_t files = uncommitted_files(source); files > 0)
      notes_.push_back(base::in_quotes(source.folder) + " has " +
                       (files == 1 ? "1 file that is" : std::to_string(files) + " files that are") +
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
    if (!commons_.insert(source.common).second)
      throw Error(doing(source) + ": it is there twice", "share the two as they are: leave out :clone");
    check_branch_is_free(source, options_.sandbox);
    const std::string repository = repository_folder(options_.sandbox_folder, options_.id, made_.size());
    made_.push_back({.path = path, .host = source.folder, .base = commit});
    make_receiving(source, repository);
    make_tree(source, path, commit, branch, repository);
    for (const Submodule& submodule : submodules_of(source, path, commit, repository)) add(source, path, submodule);
  }

  // The repository for what comes back. It has the source's objects by reference.
  void make_receiving(const Source& source, const std::string& repository) const {
    git_output({.folder = top_,
                .arguments = {"init", "--quiet", "--bare", "--template=", "--object-format=" + source.format,
                              "--initial-branch=none", repository}},
               doing(source));
    base::make_folders(repository + "/objects/info");
    write_text(repository + "/objects/info/alternates", config_value(source.objects) + "\n");
    copy_shallow(source, repository);
    std::string lines;
    for (const Reference& one : source.references)
      lines += "create refs/given/" + one.name.substr(std::string_view("refs/").size()) + " " + one.object + "\n";
    if (!lines.empty())
      git_output({.folder = repository, .arguments = {"update-ref", "--stdin"}, .input = std::move(lines)},
                 doing(source));
  }

  void copy_shallow(const Source& source, const std::string& repository) const {
    if (const auto cut = base::read_file_if_exists(source.shallow, kMostShallowBytes))
      write_text(repository + "/shallow", *cut);
  }

  void make_tree(const Source& source, const std::string& path, const std::string& commit, const std::string& branch,
                 const std::string& repository) const {
    const std::string folder = tree(path);
    const std::string own = folder + "/.git";
    git_output({.folder = top_,
                .arguments = {"init", "--quiet", "--template=", "--object-format=" + source.format,
                              "--initial-branch=" + (branch.empty() ? "main" : branch), folder}},
               doing(source));
    base::make_folders(own + "/objects/pack");
    base::make_folders(own + "/info");
    copy_shallow(source, own);
    std::set<std::string> tips;
    for (const Reference& one : source.references) tips.insert(one.object);
    if (!commit.empty()) tips.insert(commit);
    const PackedObjects packed = pack_objects({.source = source,
                                               .repository = repository,
                                               .prefix = path.empty() ? "" : path + "/",
                                               .tips = {tips.begin(), tips.end()},
                                               .head = commit,
                                               .hidden = hidden_},
                                              own + "/objects/pack");
    configure(own, source, packed);
    write_text(repository + "/" + kHiddenList, base::join({packed.left_out.begin(), packed.left_out.end()}, "\n"));
    set_references(source, folder, commit, branch);
    if (!commit.empty())
      git_output({.folder = folder, .arguments = {"read-tree", "--reset", "-u", "HEAD"}}, doing(source));
  }

  // Size and time tell whether a file has changed: its other attributes are others in the sandbox, and git would read
  // every file once for that. What is not there is told to git as it tells itself: as files that are not checked out,
  // and objects that somebody has promised (gitformat-pack(5), partial-clone in git's technical documents).
  void configure(const std::string& own, const Source& source, const PackedObjects& packed) const {
    const bool incomplete = !packed.left_out.empty() || source.partial;
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
  void set_references(const Source& source, const std::string& folder, const std::string& commit,
                      const std::string& branch) const {
    constexpr std::string_view kHeads = "refs/heads/";
    std::string lines;
    for (const Reference& one : source.references) {
      const std::string name =
          one.name.starts_with(kHeads) ? "refs/remotes/origin/" + one.name.substr(kHeads.size()) : one.name;
      lines += "create " + name + " " + one.object + "\n";
    }
    if (!commit.empty() && !branch.empty()) lines += "create refs/heads/" + branch + " " + commit + "\n";
    if (!lines.empty())
      git_output({.folder = folder, .arguments = {"update-ref", "--stdin"}, .input = std::move(lines)}, doing(source));
    // In one file: a branch's name may look like one that the masks hide.
    git_output({.folder = folder, .arguments = {"pack-refs", "--all"}}, doing(source));
    if (!commit.empty() && branch.empty())
      git_output({.folder = folder, .arguments = {"update-ref", "--no-deref", "HEAD", commit}}, doing(source));
  }

  std::vector<Submodule> submodules_of(const Source& source, const std::string& path, const std::string& commit,
                                       const std::string& repository) {
    std::vector<Submodule> found;
    if (commit.empty()) return found;
    const std::string out =
        git_output({.folder = repository, .arguments = {"ls-tree", "-r", "-z", "--full-tree", commit}}, doing(source));
    for (const std::string& entry : base::split(out, '\0')) {
      const size_t tab = entry.find('\t');
      if (tab == std::string::npos || !entry.starts_with("160000 commit ")) continue;
      Submodule one{.path = entry.substr(tab + 1), .commit = entry.substr(14, tab - 14)};
      const std::string whole = path.empty() ? one.path : path + "/" + one.path;
      if (hidden_.look(whole).sight == HiddenPaths::Sight::kHidden) continue;
      if (is_checked_out(source.folder, one.path)) {
        found.push_back(std::move(one));
      } else {
        notes_.push_back("the submodule " + base::in_quotes(whole) +
                         " is not checked out here: the clone does not have it");
      }
    }
    return found;
  }

  // Not through a link: what is cloned is in the workspace.
  static bool is_checked_out(const std::string& folder, const std::string& path) {
    std::error_code failed;
    const fs::path place = fs::path(folder) / path;
    return fs::canonical(place, failed) == place && !failed && fs::exists(place / ".git", failed);
  }

  void add(const Source& super, const std::string& path, const Submodule& submodule) {
    const std::string whole = path.empty() ? submodule.path : path + "/" + submodule.path;
    const Source source = look_at_source(super.folder + "/" + submodule.path);
    const GitResult there = run_git({.whose = Whose::kUsers,
                                     .folder = source.folder,
                                     .arguments = {"cat-file", "-e", submodule.commit + "^{commit}"}});
    if (!there.status.ok()) {
      notes_.push_back("the submodule " + base::in_quotes(whole) +
                       " does not have the commit that is wanted of it: the clone does not have it");
      return;
    }
    clone(source, whole, submodule.commit, "");
    activate(tree(path), submodule.path);
  }

  // As `git submodule init` does it.
  void activate(const std::string& super, const std::string& path) const {
    const GitResult paths =
        run_git({.folder = super,
                 .arguments = {"config", "--file", ".gitmodules", "-z", "--get-regexp", "^submodule\\..*\\.path$"}});
    for (const std::string& entry : base::split(paths.out, '\0')) {
      const size_t end = entry.find('\n');
      if (end == std::string::npos || entry.substr(end + 1) != path) continue;
      const std::string key = entry.substr(0, end - std::string_view(".path").size());
      const std::string url(base::trimmed(
          run_git({.folder = super, .arguments = {"config", "--file", ".gitmodules", "--get", key + ".url"}}).out));
      run_git({.folder = super, .arguments = {"config", key + ".active", "true"}});
      if (!url.empty()) run_git({.folder = super, .arguments = {"config", key + ".url", url}});
    }
  }

  void write_record() const {
    base::Json list = base::Json::array();
    for (const ClonedRepository& one : made_)
      list.push_back({{"path", base::hex(one.path)}, {"host", base::hex(one.host)}, {"base", one.base}});
    write_text(record_path(options_.sandbox_folder, options_.id),
               base::to_line(base::Json{{"repositories", std::move(list)}}) + "\n");
  }

  const MakeOptions& options_;
  const HiddenPaths hidden_;
  const std::string top_;
  std::vector<ClonedRepository> made_;
  std::set<std::string> commons_;
  std::vector<std::string> notes_;
};

std::string bytes_of_hex(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(digits.data() + i, digits.data() + i + 2, value, 16);
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

}  // namespace

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
    repository.path = bytes_of_hex(one.required<std::string>("path"));
    repository.host = bytes_of_hex(one.required<std::string>("host"));
    repository.base = one.required<std::string>("base");
    one.finish();
    repositories.push_back(std::move(repository));
  }
  reader.finish();
  return repositories;
}

}  // namespace caisson::clones
