// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/template_inputs.h"

#include <gtest/gtest.h>

namespace caisson::engine::microvm {
namespace {

const Ingredients kIngredients{.image_digest = "i",
                               .kernel_digest = "k",
                               .initramfs_digest = "r",
                               .qemu = "/bin/sh",  // any file
                               .disk = base::gibibytes(1)};

Parts machine_of(vmm::Accelerator accelerator) {
  Parts parts;
  parts.accelerator = accelerator;
  parts.vcpus = 2;
  parts.memory = base::gibibytes(1);
  return parts;
}

std::string key_of(const Parts& parts) {
  return image::template_key(template_inputs(parts, kIngredients));
}

TEST(TemplateInputs, TheSameMachineHasTheSameKey) {
  const std::string key = key_of(machine_of(vmm::Accelerator::kTcg));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(key_of(machine_of(vmm::Accelerator::kTcg)), key);
}

// The guest's clock runs at the rate of the processor that its template was made on, also where that is emulated.
TEST(TemplateInputs, TheProcessorIsAPartWithEachAccelerator) {
  for (const vmm::Accelerator accelerator : {vmm::Accelerator::kTcg, vmm::Accelerator::kKvm})
    EXPECT_EQ(template_inputs(machine_of(accelerator), kIngredients).host_cpu, image::host_cpu_digest());
}

TEST(TemplateInputs, WhatQemuIsToldIsAPart) {
  const image::TemplateInputs inputs = template_inputs(machine_of(vmm::Accelerator::kTcg), kIngredients);
  EXPECT_EQ(inputs.machine.size(), 64U);
  Parts more = machine_of(vmm::Accelerator::kTcg);
  more.vcpus = 3;
  EXPECT_NE(template_inputs(more, kIngredients).machine, inputs.machine);
  EXPECT_NE(template_inputs(machine_of(vmm::Accelerator::kKvm), kIngredients).machine, inputs.machine);
}

}  // namespace
}  // namespace caisson::engine::microvm
