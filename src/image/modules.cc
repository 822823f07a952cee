// SPDX-License-Identifier: Apache-2.0

#include "image/modules.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;

std::string module_name(std::string_view file_name) {
  std::string name(file_name.substr(0, file_name.find('.')));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// `count` objects at `offset`, copied out (a file's offsets need not be aligned).
template <typename Object>
std::vector<Object> objects_at(std::string_view bytes, uint64_t offset, size_t count, std::string_view name) {
  if (offset > bytes.size() || count > (bytes.size() - offset) / sizeof(Object))
    throw base::Error("the kernel module " + base::in_quotes(name) + " is damaged");
  std::vector<Object> objects(count);
  std::memcpy(objects.data(), bytes.data() + offset, count * sizeof(Object));
  return objects;
}

// .modinfo: strings "key=value", each ended by NUL.
std::string_view modinfo(std::string_view elf, std::string_view name) {
  const Elf64_Ehdr header = objects_at<Elf64_Ehdr>(elf, 0, 1, name)[0];
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
    throw base::Error("the kernel module " + base::in_quotes(name) + " is not a 64-bit ELF file");
  const auto sections = objects_at<Elf64_Shdr>(elf, header.e_shoff, header.e_shnum, name);
  if (header.e_shstrndx >= sections.size())
    throw base::Error("the kernel module " + base::in_quotes(name) + " is damaged");
  const Elf64_Shdr& names = sections[header.e_shstrndx];
  for (const Elf64_Shdr& section : sections) {
    const uint64_t at = names.sh_offset + section.sh_name;
    if (at >= elf.size() || !elf.substr(at).starts_with(std::string_view(".modinfo\0", 9))) continue;
    if (section.sh_offset > elf.size()) break;
    return elf.substr(section.sh_offset, section.sh_size);
  }
  throw base::Error("the kernel module " + base::in_quotes(name) + " has no .modinfo section");
}

struct Visit {
  const Dependencies& known;
  std::vector<std::string> order;
  std::set<std::string> finished;
  std::set<std::string> under_way;

  void module(const std::string& name) {
    if (finished.contains(name)) return;
    const auto found = known.find(name);
    if (found == known.end()) throw base::Error("the kernel module " + base::in_quotes(name) + " is missing");
    if (!under_way.insert(name).second)
      throw base::Error("the kernel module " + base::in_quotes(name) + " depends on itself");
    for (const std::string& dependency : found->second) module(dependency);
    finished.insert(name);
    order.push_back(name);
  }
};

}  // namespace

const std::vector<std::string>& wanted_modules() {
  static const std::vector<std::string> kModules = {
      // the machine: disks, the link's port, memory given back, entropy; virtio over PCI for the engines with a q35
      "virtio_mmio", "virtio_pci", "virtio_blk", "virtio_console", "virtio_balloon", "virtio_rng",
      // file systems
      "erofs", "overlay", "fuse", "virtiofs", "loop", "binfmt_misc",
      // network devices that guests and the Docker Engine make
      "dummy", "bridge", "br_netfilter", "veth", "tun", "macvlan", "ipvlan", "vxlan",
      // nftables: what iptables-nft (Debian's default) and hand-written rules use, and the gate's queue and TPROXY
      "nf_tables", "nft_compat", "nft_chain_nat", "nft_nat", "nft_masq", "nft_redir", "nft_tproxy", "nft_socket",
      "nft_queue", "nft_ct", "nft_limit", "nft_log", "nft_reject", "nft_reject_inet", "nft_fib", "nft_fib_inet",
      "nft_fib_ipv4", "nft_fib_ipv6", "nft_hash", "nft_numgen", "nft_quota", "nft_connlimit", "nft_objref",
      "nf_conntrack_netlink", "nfnetlink_queue", "nfnetlink_log",
      // the old iptables back end
      "ip_tables", "iptable_filter", "iptable_nat", "iptable_mangle", "iptable_raw", "ip6_tables", "ip6table_filter",
      "ip6table_nat", "ip6table_mangle", "ip6table_raw", "ipt_REJECT", "ip6t_REJECT",
      // matches and targets
      "xt_MASQUERADE", "xt_REDIRECT", "xt_TPROXY", "xt_socket", "xt_addrtype", "xt_conntrack", "xt_nat", "xt_tcpudp",
      "xt_mark", "xt_connmark", "xt_comment", "xt_multiport", "xt_owner", "xt_LOG", "xt_limit", "xt_state", "xt_set",
      "xt_statistic", "xt_recent", "xt_physdev", "ip_set", "ip_set_hash_ip", "ip_set_hash_net",
      // `ss` and friends
      "tcp_diag", "udp_diag", "unix_diag"};
  return kModules;
}

std::vector<std::string> module_dependencies(std::string_view elf, std::string_view name) {
  std::vector<std::string> dependencies;
  std::string_view rest = modinfo(elf, name);
  constexpr std::string_view kKey = "depends=";
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    if (!entry.starts_with(kKey)) continue;
    for (const std::string& dependency : base::split(entry.substr(kKey.size()), ',')) {
      if (!dependency.empty()) dependencies.push_back(module_name(dependency));
    }
  }
  return dependencies;
}

std::map<std::string, std::string> find_modules(const std::string& folder) {
  std::map<std::string, std::string> files;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".ko")
        files[module_name(entry.path().filename().string())] = entry.path().string();
    }
  } catch (const fs::filesystem_error& error) {
    throw base::Error("cannot read the kernel's modules: " + base::escaped(error.what()));
  }
  return files;
}

std::vector<std::string> load_order(const Dependencies& known, const std::vector<std::string>& wanted) {
  Visit visit{.known = known, .order = {}, .finished = {}, .under_way = {}};
  for (const std::string& name : wanted) {
    if (known.contains(name)) visit.module(name);
  }
  return std::move(visit.order);
}

}  // namespace caisson::image
