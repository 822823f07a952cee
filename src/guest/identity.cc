// SPDX-License-Identifier: Apache-2.0

#include "guest/identity.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "guest/files.h"

namespace caisson::guest {
namespace {

// random(4): credited entropy, then a reseed, so that no two clones share the generator's state for one more read.
void stir(const std::string& entropy) {
  const base::Fd random = base::open_file("/dev/urandom", O_RDWR);
  std::vector<int> request(2 + (entropy.size() + sizeof(int) - 1) / sizeof(int));
  request[0] = static_cast<int>(entropy.size() * 8);  // rand_pool_info: bits, bytes, data
  request[1] = static_cast<int>(entropy.size());
  std::memcpy(&request[2], entropy.data(), entropy.size());
  if (::ioctl(random.get(), RNDADDENTROPY, request.data()) != 0)
    throw base::system_error("cannot add entropy to", "/dev/urandom");
  if (::ioctl(random.get(), RNDRESEEDCRNG) != 0) throw base::system_error("cannot reseed", "/dev/urandom");
}

void set_clock(int64_t realtime_ns) {
  timespec time{};
  time.tv_sec = realtime_ns / 1'000'000'000;
  time.tv_nsec = realtime_ns % 1'000'000'000;
  if (::clock_settime(CLOCK_REALTIME, &time) != 0) throw base::system_error("cannot set", "clock");
}

}  // namespace

std::string hosts_with(std::string_view hosts, std::string_view hostname) {
  const std::string own = "127.0.1.1\t" + std::string(hostname);
  std::string out;
  bool placed = false;
  while (!hosts.empty()) {
    const std::string_view line = hosts.substr(0, hosts.find('\n'));
    hosts.remove_prefix(std::min(hosts.size(), line.size() + 1));
    const bool is_own = line.starts_with("127.0.1.1") && line.size() > 9 && (line[9] == ' ' || line[9] == '\t');
    if (is_own && placed) continue;
    out += is_own ? std::string_view(own) : line;
    out += '\n';
    placed = placed || is_own;
  }
  if (!placed) out += own + "\n";
  return out;
}

bool take_identity(const link::Configure& configuration) {
  const std::optional<std::string> entropy = base::from_hex(configuration.entropy);
  if (!entropy) throw base::Error("not hexadecimal: " + base::in_quotes(configuration.entropy));
  stir(*entropy);
  set_clock(configuration.realtime_ns);
  if (::sethostname(configuration.hostname.data(), configuration.hostname.size()) != 0)
    throw base::system_error("cannot set the host name to", configuration.hostname);
  bool written = replace_content("/etc/hostname", configuration.hostname + "\n");
  written = replace_content("/etc/machine-id", configuration.machine_id + "\n") && written;
  // One that is too long or cannot be read is left as it is: only what was read whole may be written back.
  if (const auto hosts = content_of("/etc/hosts"))
    written = replace_content("/etc/hosts", hosts_with(*hosts, configuration.hostname)) && written;
  return written;
}

void forget_identity() {
  // As long as what will take their place at the next start: a file that neither grows nor shrinks is cheapest to
  // write.
  replace_content("/etc/machine-id", std::string(32, '0') + "\n");
  replace_content("/etc/hostname", "caisson\n");
  // The Docker Engine's id: one file until 20.10, the other since.
  ::unlink("/etc/docker/key.json");
  ::unlink("/var/lib/docker/engine-id");
}

}  // namespace caisson::guest
