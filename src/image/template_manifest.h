// SPDX-License-Identifier: Apache-2.0

// What is recorded about a template's files, and the two ways to compare it with what is there. Used by templates.cc
// only.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json_reader.h"
#include "image/templates.h"

namespace caisson::image {

inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr size_t kMaxManifestBytes = 1U << 20;
inline constexpr const char* kTemplateFiles[] = {"ram", "state", "disk.raw", "overlay.qcow2"};

struct FileRecord {
  uint64_t size_bytes = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;  // 0 for the disk: a sandbox's hard link to it changes this time
  std::string digest;    // sha256 of the state file, sparse_digest() of the others
};

struct TemplateManifest {
  std::string key;
  std::string created;
  base::Json inputs;
  std::map<std::string, FileRecord> files;
};

base::Json to_json(const TemplateManifest& manifest);
TemplateManifest parse_manifest(std::string_view text);

FileRecord record_file(const std::string& folder, const std::string& name);
// "" or what has changed: sizes, times and inodes of all files, and the digest of the state file.
std::string changed_since(const TemplateManifest& manifest, const std::string& folder);
// "" or what has changed: the digest of every file.
std::string content_changed_since(const TemplateManifest& manifest, const std::string& folder);

Template template_of(const TemplateManifest& manifest, const std::string& folder);
base::Bytes size_on_disk(const std::string& folder);

}  // namespace caisson::image
