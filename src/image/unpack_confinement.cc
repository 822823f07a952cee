// SPDX-License-Identifier: Apache-2.0

#include "image/unpack_confinement.h"

#include <fcntl.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>

#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "image/digest.h"
#include "sys/capabilities.h"
#include "sys/helper_confinement.h"

namespace caisson::image {
namespace {

constexpr uint64_t kExact = ~0ULL;

// Which calls fakeroot(1)'s library makes for its own purposes. The System V build of it talks to its daemon by two
// message queues and takes turns by a semaphore, with keys from FAKEROOTKEY on; the TCP build over a connection that it
// keeps open. The first call that it fakes finds them all, so that afterwards they are known by number.
void allow_fakeroot(sys::FilterBuilder& filter) {
  const char* text = std::getenv("FAKEROOTKEY");
  if (text == nullptr) return;
  const auto key = base::parse_number<key_t>(text);
  if (!key) throw base::Error("the environment variable FAKEROOTKEY is not fakeroot's");
  struct stat faked {};
  if (::stat("/", &faked) != 0) throw base::system_error("cannot look at", "/");
  const int semaphore = ::semget(*key + 2, 0, 0);
  const std::pair<const char*, int> channels[] = {{"msgsnd", ::msgget(*key, 0)},
                                                  {"msgrcv", ::msgget(*key + 1, 0)},
                                                  {"semop", semaphore},
                                                  {"semtimedop", semaphore}};  // how the C library does semop(2)
  for (const auto& [call, id] : channels) {
    if (id >= 0) filter.allow(call, {{.argument = 0, .mask = kExact, .value = static_cast<uint64_t>(id)}});
  }
}

// What fakeroot records, it also tries: which an ordinary user may not, and this process neither.
void allow_ownership(sys::FilterBuilder& filter) {
  for (const char* call : {"mknod", "mknodat", "fchown", "fsetxattr"}) filter.allow(call);
  // A symbolic link can only be named.
  filter.allow("fchownat", {{.argument = 4, .mask = UINT32_MAX, .value = AT_SYMLINK_NOFOLLOW}});
  filter.allow("utimensat", {{.argument = 3, .mask = UINT32_MAX, .value = AT_SYMLINK_NOFOLLOW}});
}

}  // namespace

void confine_unpacking(const std::string& tree) {
  // libcrypto reads its configuration when it is first used.
  static_cast<void>(sha256(""));
  sys::HelperConfinement confinement;
  if (!tree.empty()) {
    const base::Fd folder = base::open_file(tree, O_PATH | O_DIRECTORY);
    confinement.allow_changing(folder.get());
    confinement.allow_reading(folder.get());  // to set the times and modes of what is there
    allow_ownership(confinement.filter());
    allow_fakeroot(confinement.filter());
  }
  if (const int errnum = sys::drop_all_capabilities())
    throw base::system_error("cannot drop", "all capabilities", errnum);
  confinement.enter();
}

}  // namespace caisson::image
