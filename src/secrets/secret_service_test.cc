// SPDX-License-Identifier: Apache-2.0

// The Secret Service's program is played by a script that keeps its items in files and writes down how it was called.

#include "secrets/secret_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "secrets/store.h"

namespace caisson::secrets {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kFakeTool = R"(#!/bin/sh
folder=$(dirname "$0")
echo "$@" >>"$folder/calls"
if [ -e "$folder/broken" ]; then echo "secret-tool: nobody answers" >&2; exit 1; fi
action=$1
shift
case $action in
  store) cat >"$folder/item.$5.$7"; cp "$folder/secrets/secrets.json" "$folder/seen" 2>/dev/null || : ;;
  lookup) cat "$folder/item.$4.$6" 2>/dev/null ;;
  clear) rm -f "$folder/item.$4.${6:-}"* ;;
esac
)";

class SecretServiceTest : public testing::Test {
 protected:
  SecretServiceTest()
      : bus_("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent"),
        path_("PATH", (folder_.path() + ":" + std::getenv("PATH")).c_str()) {
    base::write_file_atomic(folder_ / "secret-tool", kFakeTool, 0700);
  }
  std::string calls() const { return base::read_file_if_exists(folder_ / "calls").value_or(""); }
  Store store() const {
    return Store(folder_ / "secrets", [](PassphraseFor) -> Value { throw base::Error("a passphrase was asked for"); },
                 {});
  }
  static std::vector<NewSecret> one(const std::string& name, const std::string& value) {
    std::vector<NewSecret> all;
    all.push_back({.definition = {.name = name, .rules = {"api.example.com:443"}, .places = {query_place("key")}},
                   .value = Value::copy_of(value)});
    return all;
  }

  base::TempFolder folder_;
  base::ScopedEnvironment bus_;
  base::ScopedEnvironment path_;
};

TEST_F(SecretServiceTest, IsUsedWhereItAnswers) {
  EXPECT_TRUE(has_secret_service());
  base::write_file_atomic(folder_ / "broken", "");
  EXPECT_FALSE(has_secret_service());
}

TEST_F(SecretServiceTest, IsNotAskedForWithoutASession) {
  const base::ScopedEnvironment none("DBUS_SESSION_BUS_ADDRESS", "");
  EXPECT_FALSE(has_secret_service());
  const base::ScopedEnvironment unset("DBUS_SESSION_BUS_ADDRESS", nullptr);
  const base::ScopedEnvironment runtime("XDG_RUNTIME_DIR", folder_.path().c_str());
  EXPECT_FALSE(has_secret_service());
  EXPECT_EQ(calls(), "");
  base::write_file_atomic(folder_ / "bus", "");
  EXPECT_TRUE(has_secret_service());
}

TEST_F(SecretServiceTest, KeepsValuesAndSeesNoneOnItsCommandLine) {
  store().set(one("first", "hunter2-hunter2"), {});
  store().set(one("second", "swordfish-swordfish"), {});
  EXPECT_EQ(store().metadata().keeping, Keeping::kSecretService);
  EXPECT_EQ(store().value("first", {}).reveal(), "hunter2-hunter2");
  EXPECT_EQ(store().value("second", {}).reveal(), "swordfish-swordfish");
  store().remove({"first"});
  EXPECT_THROW(store().value("first", {}), base::Error);
  EXPECT_EQ(store().value("second", {}).reveal(), "swordfish-swordfish");
  EXPECT_THAT(calls(), HasSubstr("store --label=Caisson: first application caisson store "));
  EXPECT_THAT(calls(), Not(testing::AnyOf(HasSubstr("hunter2"), HasSubstr("swordfish"))));
  EXPECT_THAT(base::read_file(folder_ / "secrets/secrets.json"), Not(HasSubstr("hunter2")));
}

// Whenever a value comes into the store, a list that has another definition of its name would send it elsewhere.
TEST_F(SecretServiceTest, ANewOneIsNeverUnderTheOldHosts) {
  store().set(one("first", "hunter2-hunter2"), {});
  std::vector<NewSecret> all = one("first", "swordfish-swordfish");
  all[0].definition.rules = {"other.example:443"};
  store().set(std::move(all), {});
  EXPECT_THAT(base::read_file(folder_ / "seen"), Not(HasSubstr("api.example.com")));
  EXPECT_THAT(base::read_file(folder_ / "secrets/secrets.json"), HasSubstr("other.example"));
  // The same definition stays listed meanwhile.
  all = one("first", "hunter2-hunter2");
  all[0].definition.rules = {"other.example:443"};
  store().set(std::move(all), {});
  EXPECT_THAT(base::read_file(folder_ / "seen"), HasSubstr("other.example"));
}

TEST_F(SecretServiceTest, AllOfOneStoreAreRemoved) {
  store().set(one("first", "hunter2-hunter2"), {});
  const std::string id = store().metadata().id;
  SecretService("other").put("first", Value::copy_of("swordfish-swordfish"));
  store().remove_all();
  EXPECT_TRUE(SecretService(id).get("first").empty());
  EXPECT_EQ(SecretService("other").get("first").reveal(), "swordfish-swordfish");
}

TEST_F(SecretServiceTest, AValueThatHasGoneIsSaidWithTheRemedy) {
  store().set(one("first", "hunter2-hunter2"), {});
  SecretService(store().metadata().id).remove("first");
  try {
    store().value("first", {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("is not in its store (secret-service) (caisson secret set first"));
  }
}

TEST_F(SecretServiceTest, WhatItSaysIsToldAndNothingOfTheValue) {
  base::write_file_atomic(folder_ / "broken", "");
  try {
    SecretService("1").put("first", Value::copy_of("hunter2-hunter2"));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("secret-tool: nobody answers"));
    EXPECT_THAT(error.what(), HasSubstr("'first'"));
    EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
  }
  EXPECT_THROW(SecretService("1").get("first"), base::Error);
  EXPECT_THROW(SecretService("1").remove("first"), base::Error);
}

}  // namespace
}  // namespace caisson::secrets
