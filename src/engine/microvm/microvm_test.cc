// SPDX-License-Identifier: Apache-2.0

// What the engine does with files; that machines run is the business of the end-to-end cases.

#include "engine/microvm/microvm.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/temp_folder_for_test.h"
#include "image/templates.h"

namespace caisson::engine::microvm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

class MicrovmTest : public testing::Test {
 protected:
  void SetUp() override {
    inputs.image_digest = std::string(64, 'a');
    key = image::template_key(inputs);
    make_template();
    for (const char* name : {"image", "kernel", "initramfs"}) base::write_file_atomic(folder / name, name);
  }
  // In place of the one that is there.
  void make_template() const {
    const image::TemplateStore store(base::cache_folder());
    const base::FileLock lock = store.lock(key);
    image::TemplateDraft draft = store.begin(key);
    image::Template files;
    files.folder = draft.folder();
    for (const std::string& path : {files.ram(), files.state(), files.disk(), files.overlay()})
      base::write_file_atomic(path, fs::path(path).filename().string());
    store.commit(std::move(draft), key, inputs);
  }
  Plan plan(const std::string& name) const {
    Plan made{.spec = {},
              .engine = "microvm",
              .details = {{"template", key},
                          {"image_digest", inputs.image_digest},
                          {"image_file", folder / "image"},
                          {"kernel", folder / "kernel"},
                          {"initramfs", folder / "initramfs"},
                          {"accelerator", "tcg"}}};
    made.spec.name = name;
    return made;
  }
  base::Error failure_of_start(const Plan& plan, const std::string& place) {
    boost::asio::io_context context;
    try {
      engine.start(plan, {context.get_executor(), place, place + "/console.log"});
    } catch (const base::Error& error) {
      return error;
    }
    return base::Error("it started");
  }
  std::string sandbox(const std::string& place) const {
    base::make_folders(folder / place);
    return folder / place;
  }

  base::TempFolder folder;
  base::ScopedEnvironment cache{"XDG_CACHE_HOME", (folder / "cache").c_str()};
  image::TemplateInputs inputs;
  std::string key;
  MicrovmEngine engine;
};

TEST_F(MicrovmTest, ASandboxSharesTheTemplatesDiskAndOwnsItsOverlay) {
  const std::string place = sandbox("one");
  engine.create(plan("one"), place);
  image::Template made;
  made.folder = image::TemplateStore(base::cache_folder()).folder_of(key);
  EXPECT_TRUE(fs::equivalent(place + "/vm/base.raw", made.disk()));
  EXPECT_FALSE(fs::equivalent(place + "/vm/disk.qcow2", made.overlay()));
  EXPECT_EQ(base::read_file(place + "/vm/disk.qcow2"), "overlay.qcow2");
  EXPECT_TRUE(fs::exists(place + "/vm/fresh"));
}

TEST_F(MicrovmTest, OnlyAKeptSandboxHasWhatItBootsFrom) {
  const std::string place = sandbox("one");
  engine.create(plan("one"), place);
  EXPECT_FALSE(fs::exists(place + "/vm/kernel"));
  // One that stays after all gets it late.
  for (int i = 0; i < 2; ++i) engine.keep(plan("one"), place);
  EXPECT_TRUE(fs::equivalent(place + "/vm/image.erofs", folder / "image"));
  EXPECT_TRUE(fs::equivalent(place + "/vm/initramfs.cpio", folder / "initramfs"));

  Plan kept = plan("two");
  kept.spec.remove_at_end = false;
  const std::string its_place = sandbox("two");
  engine.create(kept, its_place);
  EXPECT_TRUE(fs::equivalent(its_place + "/vm/image.erofs", folder / "image"));
  EXPECT_TRUE(fs::equivalent(its_place + "/vm/kernel", folder / "kernel"));
  EXPECT_TRUE(fs::equivalent(its_place + "/vm/initramfs.cpio", folder / "initramfs"));
}

TEST_F(MicrovmTest, TheMemoryOfALaterTemplateDoesNotMeetAnEarlierDisk) {
  const std::string place = sandbox("one");
  engine.create(plan("one"), place);
  make_template();
  const base::Error removed_at_end = failure_of_start(plan("one"), place);
  EXPECT_THAT(removed_at_end.problem(), HasSubstr("the template of 'one' was removed or made again"));
  EXPECT_EQ(removed_at_end.hint(), "run the command again");

  Plan kept = plan("two");
  kept.spec.remove_at_end = false;
  const std::string its_place = sandbox("two");
  engine.create(kept, its_place);
  {
    const image::TemplateStore store(base::cache_folder());
    const base::FileLock lock = store.lock(key);
    store.discard(key);
  }
  const base::Error removed = failure_of_start(kept, its_place);
  EXPECT_THAT(removed.problem(), HasSubstr("the template of 'two' was removed or made again"));
  EXPECT_THAT(removed.hint(), HasSubstr("`caisson start two`"));
  EXPECT_FALSE(fs::exists(its_place + "/vm/fresh"));
}

TEST_F(MicrovmTest, EqualNamesHaveCgroupsOfTheirOwn) {
  const std::string here = sandbox("here/same");
  const std::string there = sandbox("there/same");
  engine.create(plan("same"), here);
  engine.create(plan("same"), there);
  EXPECT_THAT(base::read_file(here + "/vm/cgroup"), StartsWith("same-"));
  EXPECT_NE(base::read_file(here + "/vm/cgroup"), base::read_file(there + "/vm/cgroup"));
}

TEST_F(MicrovmTest, AChangedTemplateMakesNoSandbox) {
  base::write_file_atomic(image::TemplateStore(base::cache_folder()).folder_of(key) + "/state", "another");
  const std::string place = sandbox("one");
  try {
    engine.create(plan("one"), place);
    FAIL() << "created";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.problem(), HasSubstr("the file 'state' has changed"));
  }
  EXPECT_FALSE(fs::exists(place + "/vm/disk.qcow2"));
}

TEST_F(MicrovmTest, DestroyTakesWhatIsThere) {
  engine.destroy(sandbox("empty"));
  const std::string place = sandbox("one");
  engine.create(plan("one"), place);
  engine.destroy(place);
  engine.destroy(place);
}

TEST_F(MicrovmTest, AWishThatIsNoneIsRefused) {
  spec::SandboxSpec spec;
  spec.name = "one";
  spec.cpus = 0;
  EXPECT_THROW(engine.plan(spec), base::Error);
  spec.cpus = 1;
  engine.plan(spec);
  spec.memory = base::gibibytes(1U << 20);
  EXPECT_THROW(engine.plan(spec), base::Error);
}

}  // namespace
}  // namespace caisson::engine::microvm
