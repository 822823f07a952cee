// SPDX-License-Identifier: Apache-2.0

#include "image/modules.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"

namespace caisson::image {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An ELF file of three sections: none, names, .modinfo.
std::string module_with(std::string_view modinfo) {
  const std::string names("\0.names\0.modinfo\0", 17);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shoff = sizeof header;
  header.e_shnum = 3;
  header.e_shstrndx = 1;
  Elf64_Shdr sections[3] = {};
  sections[1].sh_name = 1;
  sections[1].sh_offset = sizeof header + sizeof sections;
  sections[1].sh_size = names.size();
  sections[2].sh_name = 8;
  sections[2].sh_offset = sections[1].sh_offset + names.size();
  sections[2].sh_size = modinfo.size();
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(sections), sizeof sections);
  return bytes + names + std::string(modinfo);
}

TEST(ModuleDependencies, AreReadFromModinfo) {
  const std::string elf = module_with(std::string("license=GPL\0depends=virtio-ring,virtio\0name=x\0", 45));
  EXPECT_THAT(module_dependencies(elf, "x"), ElementsAre("virtio_ring", "virtio"));
}

TEST(ModuleDependencies, NoneIsNone) {
  EXPECT_THAT(module_dependencies(module_with(std::string("depends=\0", 9)), "x"), IsEmpty());
}

TEST(ModuleDependencies, DamagedFilesAreErrors) {
  const std::string elf = module_with(std::string("depends=a\0", 10));
  for (size_t size : {size_t{0}, size_t{10}, size_t{70}, size_t{200}})
    EXPECT_THROW(module_dependencies(elf.substr(0, size), "x"), base::Error) << size;
  std::string other = elf;
  other[0] = 'X';
  EXPECT_THROW(module_dependencies(other, "x"), base::Error);
}

TEST(LoadOrder, DependenciesComeFirstAndOnce) {
  const Dependencies known = {{"a", {"b", "c"}}, {"b", {"c"}}, {"c", {}}, {"d", {}}, {"e", {"c"}}};
  EXPECT_THAT(load_order(known, {"a", "e", "builtin"}), ElementsAre("c", "b", "a", "e"));
}

TEST(LoadOrder, NamesWhatIsMissingOrACycle) {
  const auto message = [](const Dependencies& known) {
    try {
      load_order(known, {"a"});
    } catch (const base::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message({{"a", {"b"}}}), HasSubstr("'b' is missing"));
  EXPECT_THAT(message({{"a", {"b"}}, {"b", {"a"}}}), HasSubstr("depends on itself"));
}

}  // namespace
}  // namespace caisson::image
