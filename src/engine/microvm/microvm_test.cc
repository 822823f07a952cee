// SPDX-License-Identifier: Apache-2.0

// What the engine does with files; that machines run is the business of the end-to-end cases.

#include "engine/microvm/microvm.h"

#include <gmock/gmock.h>

#include <filesystem>

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
    image::TemplateInputs inputs;
    inputs.image_digest = std::string(64, 'a');
    key = image::template_key(inputs);
    const image::TemplateStore store(base::cache_folder());
    const base::FileLock lock = store.lock(key);
    image::TemplateDraft draft = store.begin(key);
    image::Template files;
    files.folder = draft.folder();
    for (const std::string& path : {files.ram(), files.state(), files.disk(), files.overlay()})
      base::write_file_atomic(path, fs::path(path).filename().string());
    store.commit(std::move(draft), key, inputs, base::Json::object());
  }
  Plan plan(const std::string& name) const {
    Plan made{.spec = {}, .engine = "microvm", .details = {{"template", key}}};
    made.spec.name = name;
    return made;
  }
  std::string sandbox(const std::string& place) const {
    base::make_folders(folder / place);
    return folder / place;
  }

  base::TempFolder folder;
  base::ScopedEnvironment cache{"XDG_CACHE_HOME", (folder / "cache").c_str()};
  std::string key;
  MicrovmEngine engine;
};

TEST_F(MicrovmTest, ASandboxSharesTheTemplatesDiskAndOwnsItsOverlay) {
  const std::string place = sandbox("one");
  engine.create(plan("one"), place);
  image::Template made;
  made.folder = base::cache_folder() + "/templates/" + key;
  EXPECT_TRUE(fs::equivalent(place + "/vm/base.raw", made.disk()));
  EXPECT_FALSE(fs::equivalent(place + "/vm/disk.qcow2", made.overlay()));
  EXPECT_EQ(base::read_file(place + "/vm/disk.qcow2"), "overlay.qcow2");
  EXPECT_TRUE(fs::exists(place + "/vm/fresh"));
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
  base::write_file_atomic(base::cache_folder() + "/templates/" + key + "/state", "another");
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
}

}  // namespace
}  // namespace caisson::engine::microvm
