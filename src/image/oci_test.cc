// SPDX-License-Identifier: Apache-2.0

#include "image/oci.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::image {
namespace {

using ::testing::HasSubstr;

const std::string kDigest(64, 'a');

std::string index_of(const std::string& entries) {
  return "{\"manifests\":[" + entries + "]}";
}
std::string entry(const std::string& extra, char digit = 'a') {
  return R"({"mediaType":"m","size":1,"digest":"sha256:)" + std::string(64, digit) + "\"" + extra + "}";
}

TEST(Oci, IndexChoosesThePlatform) {
  const auto found = parse_index(index_of(entry(R"(,"platform":{"os":"linux","architecture":"arm64"})", 'b') + "," +
                                          entry(R"(,"platform":{"os":"linux","architecture":"amd64"})", 'c') + "," +
                                          entry(R"(,"platform":{"os":"windows","architecture":"amd64"})", 'd')));
  EXPECT_EQ(choose(found, "", "amd64").digest, std::string(64, 'c'));
  EXPECT_THROW(choose(found, "", "riscv64"), base::Error);
}

TEST(Oci, IndexChoosesTheTag) {
  const auto tagged = [](const char* tag, char digit) {
    return entry(std::string(R"(,"annotations":{"org.opencontainers.image.ref.name":")") + tag + "\"}", digit);
  };
  const auto found = parse_index(index_of(tagged("one", 'b') + "," + tagged("two", 'c')));
  EXPECT_EQ(choose(found, "two", "amd64").digest, std::string(64, 'c'));
  EXPECT_THROW(choose(found, "", "amd64"), base::Error);
  EXPECT_THROW(choose({}, "", "amd64"), base::Error);
}

TEST(Oci, WrongDescriptorsAreRefused) {
  for (
      const char* text : {
          "[]",
          "{",
          "{}",
          R"({"manifests":{}})",
          R"({"manifests":[1]})",
          R"({"manifests":[{}]})",
          R"({"manifests":[{"digest":"sha512:aa","size":1}]})",
          R"({"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]})",
          R"({"manifests":[{"digest":"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","size":1}]})",
          R"({"manifests":[{"digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":-1}]})",
          R"({"manifests":[{"digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":"1"}]})",
      }) {
    EXPECT_THROW(parse_index(text), base::Error) << text;
  }
}

TEST(Oci, LayersOfUnknownTypesAreRefused) {
  const auto manifest = [](const std::string& type) {
    return R"({"config":{"digest":"sha256:)" + kDigest + R"(","size":2},"layers":[{"mediaType":")" + type +
           R"(","digest":"sha256:)" + kDigest + R"(","size":2}]})";
  };
  for (const char* good :
       {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.diff.tar.gzip"}) {
    EXPECT_EQ(parse_manifest_v2(manifest(good)).layers.size(), 1U) << good;
  }
  for (const char* bad :
       {"", "application/vnd.oci.image.layer.v1.tar+exe", "application/vnd.oci.image.layer.v1.tarball",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}) {
    EXPECT_THROW(parse_manifest_v2(manifest(bad)), base::Error) << bad;
  }
}

TEST(Oci, ConfigurationsAreStrictInWhatIsUsed) {
  const auto config = [](const std::string& inner) { return R"({"rootfs":{"diff_ids":[]},"config":)" + inner + "}"; };
  EXPECT_EQ(parse_configuration(config("null")).config, ImageConfig{});
  EXPECT_EQ(parse_configuration(config(R"({"Cmd":null,"Labels":{"a":"b"},"Env":["A=1"]})")).config.environment,
            std::vector<std::string>{"A=1"});
  for (const char* bad :
       {"1", R"({"Env":"A=1"})", R"({"Env":[1]})", R"({"User":5})", R"({"Cmd":{"a":1}})", R"({"User":"a\u0000b"})"}) {
    EXPECT_THROW(parse_configuration(config(bad)), base::Error) << bad;
  }
  EXPECT_THROW(parse_configuration("{}"), base::Error);
}

TEST(Oci, DockerManifests) {
  const DockerManifest manifest = parse_docker_manifest(R"([{"Config":"c.json","RepoTags":null,"Layers":["a","b"]}])");
  EXPECT_EQ(manifest.config, "c.json");
  EXPECT_EQ(manifest.layers, (std::vector<std::string>{"a", "b"}));
  EXPECT_THROW(parse_docker_manifest("[]"), base::Error);
  EXPECT_THROW(parse_docker_manifest("{}"), base::Error);
  EXPECT_THROW(parse_docker_manifest(R"([],"images":[{"Config":"c","Layers":[]}])"), base::Error);
  try {
    parse_docker_manifest(R"([{"Config":"a"},{"Config":"b"}])");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has 2 images"));
  }
}

}  // namespace
}  // namespace caisson::image
