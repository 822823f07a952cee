// SPDX-License-Identifier: Apache-2.0

#include "cli/archive_confinement.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "sys/helper_confinement.h"

namespace caisson::cli {

void confine_packing(const PackOptions& options) {
  const base::Fd top = base::open_file(options.path, O_PATH | (follows_top(options) ? 0 : O_NOFOLLOW));
  struct stat status {};
  if (fstat(top.get(), &status) != 0) throw base::system_error("cannot read", options.path);
  sys::HelperConfinement confinement;
  // A link that is packed as a link is not opened; and what is neither file nor folder is left out.
  if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)) confinement.allow_reading(top.get());
  confinement.enter();
}

void confine_unpacking(const UserTarget& target) {
  sys::HelperConfinement confinement;
  confinement.allow_changing(target.folder.get());
  confinement.enter();
}

}  // namespace caisson::cli
