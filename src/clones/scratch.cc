// SPDX-License-Identifier: Apache-2.0

#include "clones/scratch.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "clones/git.h"

namespace caisson::clones {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder(const std::string& parent) : path_(parent + "/caisson-git.XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) throw base::system_error("cannot make a folder in", parent);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

base::Fd nameless_file(const std::string& folder) {
  std::string path = folder + "/caisson-git.XXXXXX";
  base::Fd file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file) throw base::system_error("cannot make a file in", folder);
  ::unlink(path.c_str());
  return file;
}

void write_text(const std::string& path, std::string_view text) {
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  base::write_all(file.get(), {text.data(), text.size()}, path);
}

void make_bare(const std::string& folder, const std::string& format) {
  base::make_folders(folder);
  git_output(
      {.repository = folder,
       .arguments = {"init", "--quiet", "--bare", "--template=", "--object-format=" + format, "--initial-branch=none"}},
      "cannot make a repository in " + base::in_quotes(folder));
}

}  // namespace caisson::clones
