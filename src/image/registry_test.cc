// SPDX-License-Identifier: Apache-2.0

#include "image/registry.h"

#include <gtest/gtest.h>

namespace caisson::image {
namespace {

TEST(LoopbackRegistry, IsKnownByItsName) {
  for (const char* reference : {"docker://127.0.0.1:5000/x", "docker://127.8.9.10/x/y:tag", "docker://localhost/x",
                                "docker://localhost:5000/x@sha256:0", "docker://[::1]/x", "docker://[::1]:5000/x"})
    EXPECT_TRUE(is_loopback_registry(reference)) << reference;
}

TEST(LoopbackRegistry, NothingElseIsOne) {
  for (const char* reference :
       {"docker://busybox", "docker://localhost", "docker://library/x", "docker://128.0.0.1/x", "docker://1.127.0.0/x",
        "docker://127.0.0.1.example.org/x", "docker://localhost.example.org:80/x", "docker://[::2]/x",
        "docker://[::1].example.org/x", "docker://example.org/127.0.0.1/x", "docker:///x", "127.0.0.1:5000/x"})
    EXPECT_FALSE(is_loopback_registry(reference)) << reference;
}

}  // namespace
}  // namespace caisson::image
