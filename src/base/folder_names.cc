// SPDX-License-Identifier: Apache-2.0

#include "base/folder_names.h"

#include <dirent.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/text.h"

namespace caisson::base {
namespace {

struct CloseListing {
  void operator()(DIR* listing) const { ::closedir(listing); }
};

}  // namespace

std::vector<std::string> folder_names(Fd folder, std::string_view name, size_t most) {
  const std::unique_ptr<DIR, CloseListing> listing(::fdopendir(folder.get()));
  if (listing == nullptr) throw system_error("cannot list", name);
  (void)folder.release();  // the listing's
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* item = ::readdir(listing.get());
    if (item == nullptr && errno != 0) throw system_error("cannot list", name);
    if (item == nullptr) break;
    const std::string_view item_name = item->d_name;
    if (item_name == "." || item_name == "..") continue;
    if (names.size() == most)
      throw Error("cannot list " + in_quotes(name) + ": it has more than " + std::to_string(most) + " entries");
    names.emplace_back(item_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace caisson::base
