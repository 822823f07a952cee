// SPDX-License-Identifier: Apache-2.0

#include "vmm/accelerator.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace caisson::vmm {
namespace {

constexpr AcceleratorFacts kGood{.cpu_virtualises = true, .open_errno = 0, .api_version = 12, .create_vm_errno = 0};

TEST(Accelerator, KvmWhenEverythingSpeaksForIt) {
  const AcceleratorProbe probe = judge_accelerator(kGood);
  EXPECT_EQ(probe.accelerator, Accelerator::kKvm);
  EXPECT_EQ(probe.remedy, "");
}

TEST(Accelerator, AnOpenableDeviceIsNotProof) {
  AcceleratorFacts facts = kGood;
  facts.cpu_virtualises = false;
  const AcceleratorProbe probe = judge_accelerator(facts);
  EXPECT_EQ(probe.accelerator, Accelerator::kTcg);
  EXPECT_NE(probe.reason.find("no vmx or svm flag"), std::string::npos) << probe.reason;
}

TEST(Accelerator, AForbiddenDeviceNamesTheGroup) {
  for (const int errnum : {EACCES, EPERM}) {
    const AcceleratorProbe probe = judge_accelerator({.cpu_virtualises = true, .open_errno = errnum});
    EXPECT_EQ(probe.accelerator, Accelerator::kTcg);
    EXPECT_NE(probe.remedy.find("usermod -aG kvm"), std::string::npos) << probe.remedy;
  }
}

TEST(Accelerator, AProcessorThatCannotIsNamedBeforeItsDevice) {
  for (const int errnum : {EACCES, EPERM, ENOENT, ENXIO, 0}) {
    const AcceleratorProbe probe = judge_accelerator({.cpu_virtualises = false, .open_errno = errnum});
    EXPECT_EQ(probe.accelerator, Accelerator::kTcg);
    EXPECT_NE(probe.reason.find("about twenty times slower"), std::string::npos) << probe.reason;
    EXPECT_NE(probe.reason.find("no vmx or svm flag"), std::string::npos) << probe.reason;
    EXPECT_EQ(probe.reason.find("may not be opened"), std::string::npos) << probe.reason;
    EXPECT_NE(probe.remedy.find("virtualisation on"), std::string::npos) << probe.remedy;
  }
}

TEST(Accelerator, AMissingDeviceNamesTheModuleOrTheFirmware) {
  EXPECT_NE(judge_accelerator({.cpu_virtualises = true, .open_errno = ENOENT}).remedy.find("modprobe"),
            std::string::npos);
  EXPECT_NE(judge_accelerator({.cpu_virtualises = false, .open_errno = ENOENT}).remedy.find("firmware"),
            std::string::npos);
}

TEST(Accelerator, AnotherApiOrNoMachineIsNotTaken) {
  AcceleratorFacts facts = kGood;
  facts.api_version = 11;
  EXPECT_EQ(judge_accelerator(facts).accelerator, Accelerator::kTcg);
  facts = kGood;
  facts.create_vm_errno = EBUSY;
  EXPECT_EQ(judge_accelerator(facts).accelerator, Accelerator::kTcg);
  EXPECT_NE(judge_accelerator(facts).remedy, "");
}

TEST(Accelerator, FlagsAreWholeWords) {
  EXPECT_TRUE(cpu_virtualises("processor\t: 0\nflags\t\t: fpu vme svm lm\n"));
  EXPECT_TRUE(cpu_virtualises("flags\t\t: fpu vmx"));
  EXPECT_FALSE(cpu_virtualises("flags\t\t: fpu vmx_like svmx\nvmx flags\t: vnmi\nmodel name\t: vmx\n"));
  EXPECT_FALSE(cpu_virtualises(""));
}

}  // namespace
}  // namespace caisson::vmm
