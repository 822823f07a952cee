// SPDX-License-Identifier: Apache-2.0

#include "gate/registries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "gate/registry_search.h"

namespace caisson::gate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// A machine of folders: root/ with etc/, home/, workspace/.
class Registries : public ::testing::Test {
 protected:
  Registries() {
    for (const char* name : {"root", "home", "workspace"}) fs::create_directories(folder_ / name);
    sources_.root = folder_ / "root";
    sources_.home = folder_ / "home";
    sources_.workspaces = {folder_ / "workspace"};
  }

  void write(const std::string& path, std::string_view text) {
    fs::create_directories(fs::path(folder_ / path).parent_path());
    base::write_file_atomic(folder_ / path, text);
  }

  std::vector<std::string> rules() {
    const GroupRules found = registry_rules(sources_);
    notes_ = found.notes;
    std::vector<std::string> texts;
    for (const Rule& rule : found.rules) texts.push_back(to_string(rule));
    return texts;
  }

  std::vector<std::string> notes() {
    rules();
    return notes_;
  }

  base::TempFolder folder_;
  RegistrySources sources_;
  std::vector<std::string> notes_;
};

TEST_F(Registries, AMachineWithoutSettingsHasNoneAndSaysSo) {
  EXPECT_THAT(rules(), IsEmpty());
  // A newcomer's every run says this: in one line.
  EXPECT_THAT(notes_, ElementsAre("@registries: no registry is configured for npm, pip, cargo, go, docker, maven; the "
                                  "built-in one of any of them is allowed by --allow HOST:443"));
}

TEST_F(Registries, AptOneLineEntries) {
  write("root/etc/apt/sources.list",
        "# deb http://commented.example/debian x main\n"
        "deb http://a.example/debian stable main\n"
        "deb-src [arch=amd64 signed-by=/x.gpg] https://b.example:8443/debian stable main # deb http://c.example x y\n"
        "deb http://[2a00::7]:81/debian stable main\n"
        "deb cdrom:[Debian 12]/ stable main\n"
        "deb file:/srv/debian stable main\n"
        "other http://d.example/ stable main\n");
  write("root/etc/apt/sources.list.d/two.list", "deb https://user:secret@e.example/x ./\n");
  write("root/etc/apt/sources.list.d/two.list.disabled", "deb https://f.example/x ./\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:80", "b.example:8443", "[2a00::7]:81", "e.example:443"));
}

TEST_F(Registries, AptDeb822Entries) {
  write("root/etc/apt/sources.list.d/a.sources",
        "Types: deb\n"
        "# URIs: http://commented.example/\n"
        "URIs: http://a.example/debian\n"
        "  http://b.example/debian\n"
        "Suites: stable\n"
        "\n"
        "Types: deb\n"
        "Enabled: No\n"
        "URIs: http://c.example/debian\n"
        "\n"
        "uris: https://d.example/debian");
  EXPECT_THAT(rules(), ElementsAre("a.example:80", "b.example:80", "d.example:443"));
}

TEST_F(Registries, AptMirrorLists) {
  write("root/etc/apt/sources.list",
        "deb mirror+file:///etc/apt/mirrors.txt stable main\n"
        "deb mirror+https://list.example/mirrors stable main\n"
        "deb mirror://plain.example/mirrors stable main\n");
  write("root/etc/apt/mirrors.txt", "# http://commented.example\nhttps://a.example/debian priority:1\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "list.example:443", "plain.example:80"));
  EXPECT_THAT(notes_, Contains(HasSubstr("names a list of mirrors")));
}

TEST_F(Registries, TheAptListOfBaseImages) {
  write("home/apt.list", "deb http://own.example/debian stable main\n");
  sources_.own_apt_list = folder_ / "home/apt.list";
  EXPECT_THAT(rules(), ElementsAre("own.example:80"));
}

TEST_F(Registries, NpmFilesAndScopes) {
  write("home/.npmrc",
        "; registry=https://commented.example/\n"
        "registry = \"https://user:secret@a.example/npm/\"\n"
        "@scope:registry=https://b.example:8443/\n"
        "//a.example/npm/:_authToken=secret\n"
        "proxy=http://proxy.example:3128/\n"
        "https-proxy=http://proxy.example:3128/\n"
        "[section]\n"
        "@other:registry=https://c.example\n");
  write("root/etc/npmrc", "@all:registry=${BASE}/npm\n@unset:registry=https://${UNSET}/\n");
  sources_.environment = {{"BASE", "https://d.example"}};
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "b.example:8443", "d.example:443"));
  EXPECT_THAT(notes_, Contains(HasSubstr("has something that is not the URL of a host")));
  EXPECT_THAT(notes_, Not(Contains(HasSubstr("secret"))));
}

TEST_F(Registries, NpmVariables) {
  write("home/other", "@scope:registry=https://b.example/\n");
  sources_.environment = {{"NPM_CONFIG_REGISTRY", "https://a.example/"},
                          {"npm_config_userconfig", folder_ / "home/other"}};
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "b.example:443"));
}

// npm gives its scripts the settings of the project's own .npmrc, which is in the workspace, in variables.
TEST_F(Registries, NpmVariablesOfAnNpmScriptAreNotRead) {
  write("home/other", "registry=https://b.example/\n");
  write("home/.npmrc", "registry=https://c.example/\n");
  sources_.environment = {{"npm_config_registry", "https://a.example/"},
                          {"npm_config_userconfig", folder_ / "home/other"},
                          {"npm_lifecycle_event", "npx"}};
  EXPECT_THAT(rules(), ElementsAre("c.example:443"));
  EXPECT_THAT(notes_, Contains(HasSubstr("started by an npm script")));
}

TEST_F(Registries, NpmIsAskedWhereNothingNamesItsRegistry) {
  int asked = 0;
  sources_.ask_npm = [&](const RegistrySources&) {
    ++asked;
    return std::optional<std::string>("https://said.example/");
  };
  write("home/.npmrc", "@scope:registry=https://a.example/\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "said.example:443"));
  EXPECT_EQ(asked, 1);
  write("home/.npmrc", "registry=https://a.example/\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:443"));
  EXPECT_EQ(asked, 1);
}

TEST_F(Registries, PipFilesAndVariables) {
  write("root/etc/pip.conf",
        "[global]\n"
        "index-url: https://a.example/simple\n"
        "proxy = http://proxy.example:3128\n"
        "extra_index_url =\n"
        "    https://b.example/simple\n"
        "    # https://commented.example/simple\n"
        "    http://c.example:81/simple https://d.example\n"
        "trusted-host = e.example\n"
        "[list]\n"
        "index-url = https://f.example\n");
  write("home/.config/pip/pip.conf", "[install]\nindex-url=https://g.example/simple\n");
  sources_.environment = {{"PIP_EXTRA_INDEX_URL", "https://h.example https://i.example"}};
  EXPECT_THAT(rules(), UnorderedElementsAre("a.example:443", "b.example:443", "c.example:81", "d.example:443",
                                            "g.example:443", "h.example:443", "i.example:443"));
  EXPECT_THAT(notes_, Contains("@registries: what the index of pip names on other hosts is allowed by --allow"));
  EXPECT_THAT(notes_, Contains(AllOf(HasSubstr("no registry is configured for"), Not(HasSubstr("pip")))));
}

TEST_F(Registries, CargoFilesAndVariables) {
  write("home/.cargo/config.toml",
        "[registries]\n"
        "company = { index = \"sparse+https://a.example/index/\" }\n"
        "other = { index = \"ssh://git@b.example/index.git\" }\n"
        "[source.mirror]\nregistry = \"registry+https://c.example/index\"\n"
        "[source.vendored]\ndirectory = \"/home/jos\xc3\xa9\"\n"
        "[source.fork]\ngit = \"https://d.example/x.git\"\n"
        "[http]\nproxy = \"proxy.example:3128\"\n");
  sources_.environment = {{"CARGO_REGISTRIES_THIRD_INDEX", "https://e.example/"},
                          {"CARGO_REGISTRIES_THIRD_TOKEN", "https://secret.example/"}};
  EXPECT_THAT(rules(),
              UnorderedElementsAre("a.example:443", "b.example:22", "c.example:443", "d.example:443", "e.example:443"));
}

TEST_F(Registries, ACargoFileThatIsNoTomlIsANoteWithItsLine) {
  write("home/.cargo/config.toml", "[registries.company]\nindex = \"https://a.example\"\nindex = [\n");
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, Contains(AllOf(HasSubstr("config.toml"), HasSubstr("line 3"))));
}

TEST_F(Registries, GoProxies) {
  sources_.environment = {{"GOPROXY", "https://a.example,http://b.example:81|direct"}};
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "b.example:81"));
  EXPECT_THAT(notes_, Contains(HasSubstr("'direct'")));

  sources_.environment = {};
  write("root/usr/local/go/go.env", "# defaults\nGOPROXY=https://d.example,off\n");
  EXPECT_THAT(rules(), ElementsAre("d.example:443"));
  write("home/.config/go/env", "GOFLAGS=-mod=mod\nGOPROXY=https://c.example\n");
  EXPECT_THAT(rules(), ElementsAre("c.example:443"));
  sources_.environment = {{"GOENV", "off"}};
  EXPECT_THAT(rules(), ElementsAre("d.example:443"));
}

TEST_F(Registries, DockerMirrors) {
  write(
      "root/etc/docker/daemon.json",
      R"({"registry-mirrors": ["https://a.example", "http://10.1.2.3:5000"], "proxies": {"http-proxy": "http://p.example"}})");
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "10.1.2.3:5000"));
  write("root/etc/docker/daemon.json", R"({"registry-mirrors": "https://a.example"})");
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, Contains(HasSubstr("registry-mirrors is not a list")));
}

TEST_F(Registries, MavenMirrorsAndRepositories) {
  write("home/.m2/settings.xml",
        "<?xml version=\"1.0\"?><settings><!-- <mirror><url>http://commented.example</url></mirror> -->\n"
        "<mirrors><mirror><id>x</id>\n<url> https://a.example/maven </url></mirror><mirror><url/></mirror></mirrors>\n"
        "<proxies><proxy><host>proxy.example</host><url>http://proxy.example</url></proxy></proxies>\n"
        "<profiles><profile><repositories><repository><url>http://b.example:81/</url></repository></repositories>\n"
        "<pluginRepositories><pluginRepository><url>https://c.example</url></pluginRepository></pluginRepositories>");
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "b.example:81", "c.example:443"));
}

TEST_F(Registries, NothingOfTheWorkspaceIsRead) {
  write("workspace/.npmrc", "registry=https://evil.example/\n");
  write("workspace/.cargo/config.toml", "[registries.x]\nindex = \"https://evil.example/\"\n");
  write("workspace/dotfiles/pip.conf", "[global]\nindex-url = https://evil.example/\n");
  fs::create_symlink(folder_ / "workspace/dotfiles/pip.conf", folder_ / "root/pip.conf");
  sources_.environment = {{"PIP_CONFIG_FILE", folder_ / "root/pip.conf"},
                          {"CARGO_HOME", folder_ / "workspace/../workspace/.cargo"}};
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, Contains(HasSubstr("the workspace's own '.npmrc' is not read")));
  EXPECT_THAT(notes_, Contains(AllOf(HasSubstr("pip.conf"), HasSubstr("is in the workspace"))));
  EXPECT_THAT(notes_, Contains(AllOf(HasSubstr("config.toml"), HasSubstr("is in the workspace"))));
}

TEST_F(Registries, AHomeThatIsTheWorkspaceIsNotRead) {
  write("home/.npmrc", "registry=https://evil.example/\n");
  write("root/etc/npmrc", "registry=https://a.example/\n");
  fs::create_directory_symlink(folder_ / "home", folder_ / "link");
  sources_.workspaces = {folder_ / "link"};
  EXPECT_THAT(rules(), ElementsAre("a.example:443"));
}

TEST_F(Registries, EachWorkspaceCounts) {
  write("second/pip.conf", "[global]\nindex-url = https://evil.example/\n");
  write("root/etc/npmrc", "registry=https://a.example/\n");
  write("home/.npmrc", "registry=https://evil.example/\n");
  sources_.environment = {{"PIP_CONFIG_FILE", folder_ / "second/pip.conf"}};
  // A single file may be one, too.
  sources_.workspaces = {folder_ / "workspace", folder_ / "second", folder_ / "home/.npmrc"};
  EXPECT_THAT(rules(), ElementsAre("a.example:443"));
}

TEST_F(Registries, WhatCannotBeReadIsANote) {
  fs::create_directories(folder_ / "home/.npmrc");
  write("root/etc/pip.conf", std::string(kMaxSettingsBytes + 1, '\n'));
  fs::create_directories(folder_ / "home/.m2");
  ASSERT_EQ(::mkfifo((folder_ / "home/.m2/settings.xml").c_str(), 0600), 0);
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, Contains(AllOf(HasSubstr(".npmrc"), HasSubstr("it is not a file"))));
  EXPECT_THAT(notes_, Contains(AllOf(HasSubstr("pip.conf"), HasSubstr("it is larger than"))));
  EXPECT_THAT(notes_, Contains(AllOf(HasSubstr("settings.xml"), HasSubstr("it is not a file"))));
}

TEST_F(Registries, NoRuleLeadsToTheHostItself) {
  write("root/etc/apt/sources.list",
        "deb http://localhost:4873/ x main\ndeb http://127.0.0.1:4873/ x main\ndeb http://[::1]:4873/ x main\n"
        "deb http://169.254.169.254/ x main\ndeb http://0.0.0.0/ x main\ndeb http://10.1.2.3/ x main\n"
        "deb http://203.0.113.80/ x main\n"
        "deb http://nexus:8081/ x main\n");
  EXPECT_THAT(rules(), ElementsAre("10.1.2.3:80", "203.0.113.80:80", "nexus:8081"));
  for (const char* host : {"'localhost'", "'127.0.0.1'", "'::1'", "'169.254.169.254'", "'0.0.0.0'"}) {
    EXPECT_THAT(notes_, Contains(AllOf(HasSubstr(host), HasSubstr("--allow"))));
  }
}

TEST_F(Registries, AreBoundedInNumber) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "deb http://h" + std::to_string(i) + ".example/ x main\n";
  for (int i = 0; i < 1000; ++i) text += "deb k" + std::to_string(i) + "://x.example/ x main\n";
  write("root/etc/apt/sources.list", text);
  EXPECT_EQ(rules().size(), GroupCollector::kMaxRules);
  EXPECT_EQ(notes_.size(), GroupCollector::kMaxNotes + 1);
}

TEST_F(Registries, NotesArePrintable) {
  fs::create_directories(folder_ / "root/etc/apt/sources.list.d/\x1b[31m.list");
  const auto found = notes();
  EXPECT_THAT(found, Contains(HasSubstr("\\x1b[31m.list")));
  EXPECT_THAT(found, Not(Contains(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace caisson::gate
