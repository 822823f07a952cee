// SPDX-License-Identifier: Apache-2.0

#include "secrets/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::secrets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr SealCost kCheapSeal{.passes = 1, .memory_log2_kib = kLeastMemoryLog2Kib};

Definition stored(const std::string& name, const std::string& rule = "api.example.com:443") {
  return {.name = name, .rules = {rule}, .places = {query_place("key")}};
}

Definition from_command(const std::string& name, const std::string& command) {
  Definition definition = stored(name);
  definition.command = Command{.text = command};
  return definition;
}

class Secrets : public testing::Test {
 protected:
  // No Secret Service, whatever the machine has.
  Secrets() : bus_("DBUS_SESSION_BUS_ADDRESS", "") {}

  Store store(const std::string& words = "correct horse") {
    return Store(
        path(),
        [this, words](PassphraseFor what) {
          ++asked_;
          last_asked_ = what;
          return Value::copy_of(words);
        },
        kCheapSeal);
  }
  void set(const Definition& definition, const std::string& value, std::optional<Keeping> keeping = {}) {
    std::vector<NewSecret> all;
    all.push_back({.definition = definition, .value = Value::copy_of(value)});
    store().set(std::move(all), keeping);
  }
  std::string value(const std::string& name) { return std::string(store().value(name, {}).reveal()); }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const SecretRecord& one : store().metadata().secrets) found.push_back(one.definition.name);
    return found;
  }
  template <typename Action>
  std::string refusal_of(Action action) {
    try {
      action();
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }
  std::string path() const { return folder_ / "secrets"; }
  std::string file(const std::string& name) const { return path() + "/" + name; }
  std::string all_files() const {
    std::string text;
    for (const auto& one : std::filesystem::directory_iterator(path())) text += base::read_file(one.path());
    return text;
  }
  static unsigned mode_of(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  base::TempFolder folder_;
  base::ScopedEnvironment bus_;
  std::atomic<int> asked_ = 0;
  std::atomic<PassphraseFor> last_asked_ = PassphraseFor::kOpening;
};

TEST_F(Secrets, AreNoneByThemselves) {
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_THAT(refusal_of([&] { value("x"); }), HasSubstr("there is no secret 'x'"));
}

TEST_F(Secrets, AreSealedWhereThereIsNoSecretService) {
  set(stored("one"), "hunter2-hunter2");
  EXPECT_EQ(last_asked_, PassphraseFor::kNewFile);
  set(stored("two"), "swordfish-swordfish");
  EXPECT_EQ(last_asked_, PassphraseFor::kOpening);
  EXPECT_EQ(store().metadata().keeping, Keeping::kSealed);
  EXPECT_EQ(value("one"), "hunter2-hunter2");
  EXPECT_EQ(value("two"), "swordfish-swordfish");
  EXPECT_THAT(all_files(), Not(testing::AnyOf(HasSubstr("hunter2"), HasSubstr("swordfish"))));
}

TEST_F(Secrets, AreListedWithoutThePassphrase) {
  set(stored("one"), "hunter2-hunter2");
  asked_ = 0;
  EXPECT_THAT(names(), ElementsAre("one"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(Secrets, AWrongPassphraseChangesNothing) {
  set(stored("one"), "hunter2-hunter2");
  const std::string before = all_files();
  std::vector<NewSecret> all;
  all.push_back({.definition = stored("two"), .value = Value::copy_of("swordfish-swordfish")});
  EXPECT_THAT(refusal_of([&] { store("wrong horse").set(std::move(all), {}); }),
              testing::AllOf(HasSubstr(file("values.sealed")), HasSubstr("the passphrase is wrong"),
                             HasSubstr("caisson secret rm --all")));
  EXPECT_THAT(refusal_of([&] { store("wrong horse").remove({"one"}); }), HasSubstr("the passphrase is wrong"));
  EXPECT_THAT(refusal_of([&] { store("wrong horse").value("one", {}); }), HasSubstr("the passphrase is wrong"));
  EXPECT_EQ(all_files(), before);
}

TEST_F(Secrets, ADamagedFileIsSaidToBe) {
  set(stored("one"), "hunter2-hunter2");
  std::string bytes = base::read_file(file("values.sealed"));
  bytes[bytes.size() / 2] ^= 1;
  base::write_file_atomic(file("values.sealed"), bytes);
  EXPECT_THAT(refusal_of([&] { value("one"); }), HasSubstr("it is damaged (`caisson secret rm --all`"));
  std::filesystem::remove(file("values.sealed"));
  EXPECT_THAT(refusal_of([&] { set(stored("two"), "swordfish-swordfish"); }), HasSubstr("it is not there"));
}

TEST_F(Secrets, ArePlainOnRequest) {
  set(stored("one"), "hunter2-hunter2", Keeping::kPlain);
  set(stored("two"), "swordfish-swordfish");
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(value("one"), "hunter2-hunter2");
  EXPECT_EQ(base::read_file(file("values.plain")), "one=hunter2-hunter2\ntwo=swordfish-swordfish\n");
  EXPECT_THAT(base::read_file(file("secrets.json")), Not(testing::AnyOf(HasSubstr("hunter2"), HasSubstr("swordfish"))));
}

TEST_F(Secrets, AreThisUsersAlone) {
  const mode_t before = ::umask(0);
  set(stored("one"), "hunter2-hunter2", Keeping::kPlain);
  ::umask(before);
  EXPECT_EQ(mode_of(path()), 0700U);
  for (const auto& one : std::filesystem::directory_iterator(path()))
    EXPECT_EQ(mode_of(one.path()), 0600U) << one.path();
  ASSERT_EQ(::chmod(file("values.plain").c_str(), 0640), 0);
  EXPECT_THAT(refusal_of([&] { value("one"); }), HasSubstr("another user owns it or may read it"));
  ASSERT_EQ(::chmod(file("secrets.json").c_str(), 0620), 0);
  EXPECT_THAT(refusal_of([&] { names(); }), HasSubstr("may write to it"));
}

TEST_F(Secrets, AreKeptOneWay) {
  set(stored("one"), "hunter2-hunter2", Keeping::kPlain);
  EXPECT_THAT(refusal_of([&] { set(stored("two"), "swordfish-swordfish", Keeping::kSealed); }),
              HasSubstr("kept as 'plain' already, not as 'sealed'"));
  EXPECT_EQ(asked_, 0);
  store().remove_all();
  EXPECT_THAT(names(), IsEmpty());
  set(stored("two"), "swordfish-swordfish", Keeping::kSealed);
  EXPECT_FALSE(std::filesystem::exists(file("values.plain")));
  EXPECT_EQ(value("two"), "swordfish-swordfish");
}

TEST_F(Secrets, ANewOneTakesThePlaceOfTheOldOne) {
  set(stored("one"), "hunter2-hunter2");
  set(stored("one", "other.example:443"), "swordfish-swordfish");
  EXPECT_THAT(names(), ElementsAre("one"));
  EXPECT_EQ(store().metadata().find("one")->definition.rules[0], "other.example:443");
  EXPECT_EQ(value("one"), "swordfish-swordfish");
}

TEST_F(Secrets, AreRemovedWithTheirValues) {
  set(stored("one"), "hunter2-hunter2", Keeping::kPlain);
  set(stored("two"), "swordfish-swordfish");
  EXPECT_THAT(refusal_of([&] { store().remove({"one", "three"}); }), HasSubstr("there is no secret 'three'"));
  EXPECT_THAT(names(), ElementsAre("one", "two"));
  store().remove({"one"});
  EXPECT_THAT(names(), ElementsAre("two"));
  EXPECT_EQ(base::read_file(file("values.plain")), "two=swordfish-swordfish\n");
}

TEST_F(Secrets, AllAreForgottenWithoutThePassphraseAlsoWhenTheyCannotBeRead) {
  set(stored("one"), "hunter2-hunter2");
  base::write_file_atomic(file("secrets.json"), "{");
  EXPECT_THAT(refusal_of([&] { names(); }), HasSubstr("caisson secret rm --all"));
  asked_ = 0;
  store().remove_all();
  EXPECT_EQ(asked_, 0);
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(file("values.sealed")));
}

TEST_F(Secrets, OfACommandAreAskedForEachTimeAndKeptNowhere) {
  const std::string counter = folder_ / "counter";
  std::vector<NewSecret> all;
  all.push_back({.definition = from_command("one", "echo x >> " + counter + "; printf hunter2-%s hunter2")});
  store().set(std::move(all), {});
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(store().metadata().keeping, std::nullopt);
  EXPECT_EQ(value("one"), "hunter2-hunter2");
  EXPECT_EQ(value("one"), "hunter2-hunter2");
  EXPECT_EQ(base::read_file(counter), "x\nx\n");
  EXPECT_THAT(all_files(), Not(HasSubstr("hunter2-hunter2")));
  store().remove({"one"});
  EXPECT_EQ(asked_, 0);
}

TEST_F(Secrets, AValueGoesWhenACommandTakesItsPlace) {
  set(stored("one"), "hunter2-hunter2", Keeping::kPlain);
  std::vector<NewSecret> all;
  all.push_back({.definition = from_command("one", "echo swordfish-swordfish")});
  store().set(std::move(all), {});
  EXPECT_EQ(base::read_file(file("values.plain")), "");
  EXPECT_EQ(value("one"), "swordfish-swordfish");
}

TEST_F(Secrets, SetAtTheSameTimeAreAllThere) {
  constexpr int kThreads = 8;
  constexpr int kEach = 4;
  set(stored("first"), "value-of-first");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = "s" + std::to_string(thread) + "-" + std::to_string(i);
        set(stored(name), "value-of-" + name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(names().size(), 1U + kThreads * kEach);
  for (const std::string& name : names()) EXPECT_EQ(value(name), "value-of-" + name);
}

TEST_F(Secrets, WhatAKilledSetHasLeftCountsForNothing) {
  base::make_folders(path());
  base::write_file_atomic(file("values.sealed"),
                          seal(Value::copy_of("old=hunter2-hunter2\n"), Value::copy_of("lost"), kCheapSeal));
  set(stored("one"), "swordfish-swordfish");
  EXPECT_THAT(names(), ElementsAre("one"));
  EXPECT_EQ(value("one"), "swordfish-swordfish");
}

TEST_F(Secrets, WhatAKilledSetHasBegunIsRemovedByTheNext) {
  set(stored("one"), "hunter2-hunter2", Keeping::kPlain);
  const std::string begun = file("values.plain.aB3xYz");
  for (const bool removes_all : {false, true}) {
    base::write_file_atomic(begun, "one=hunter2-hunter2\n");
    if (removes_all) {
      store().remove_all();
    } else {
      set(stored("two"), "swordfish-swordfish");
    }
    EXPECT_FALSE(std::filesystem::exists(begun));
  }
}

TEST_F(Secrets, AreOfABoundedNumber) {
  std::vector<NewSecret> all;
  for (size_t i = 0; i < kMostSecrets; ++i)
    all.push_back({.definition = from_command("s" + std::to_string(i), "true")});
  store().set(std::move(all), {});
  std::vector<NewSecret> more;
  more.push_back({.definition = from_command("more", "true")});
  EXPECT_THAT(refusal_of([&] { store().set(std::move(more), {}); }), HasSubstr("more than 128 secrets"));
  EXPECT_EQ(names().size(), kMostSecrets);
}

TEST_F(Secrets, TheListIsReadStrictly) {
  set(stored("one"), "hunter2-hunter2", Keeping::kPlain);
  const std::string good = base::read_file(file("secrets.json"));
  const auto with = [&](const std::string& part, const std::string& other) {
    std::string text = good;
    const size_t at = text.find(part);
    if (at == std::string::npos) return std::string("no such part");
    text.replace(at, part.size(), other);
    base::write_file_atomic(file("secrets.json"), text);
    return refusal_of([&] { names(); });
  };
  EXPECT_THAT(with("\"version\":1", "\"version\":2"), HasSubstr("another version"));
  EXPECT_THAT(with("\"plain\"", "\"cloud\""), HasSubstr("a store that is not known"));
  EXPECT_THAT(with("\"store_id\":\"", "\"store_id\":\"x"), HasSubstr("id"));
  EXPECT_THAT(with("\"name\":\"one\"", "\"name\":\"../one\""), HasSubstr("not a secret's name"));
  EXPECT_THAT(with("\"secrets\"", "\"more\":1,\"secrets\""), HasSubstr("'more' is not known"));
}

}  // namespace
}  // namespace caisson::secrets
