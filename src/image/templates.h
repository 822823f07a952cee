// SPDX-License-Identifier: Apache-2.0

// Templates on disk: booted and frozen machines, made by an engine, found again by a key over everything they depend
// on.
//
//   cache/templates/KEY/manifest.json   written last; a folder without it is not a template
//   cache/templates/KEY/ram             guest memory, sparse; mapped copy-on-write by each sandbox
//   cache/templates/KEY/state           device state
//   cache/templates/KEY/disk.raw        the writable disk as it was when frozen; the base of each sandbox's overlay
//   cache/templates/KEY/overlay.qcow2   an empty overlay, to be copied
//   cache/templates/locks/KEY           held by the process that makes or removes the template
//
// A template is made in a temporary folder and renamed into place, so a killed maker leaves nothing that looks like
// one. find() proves on every start, cheaply, that what is there is what was made: sizes, times and inode of the large
// files (a file written, truncated, replaced or restored from elsewhere differs in one of them) and the digest of the
// device state. verify() reads everything. Removing a template does not hurt running sandboxes: they have the RAM file
// open and a hard link to the disk.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json_reader.h"

namespace caisson::image {

// Everything a template depends on. Two machines that agree in all of it can share one; nothing else may.
struct TemplateInputs {
  std::string image_digest;
  std::string kernel_digest;
  std::string initramfs_digest;
  std::string vmm;          // path, size and mtime of the VMM's binary
  std::string machine;      // a digest of what the VMM and the guest's kernel are told
  std::string accelerator;  // "tcg", "kvm"
  std::string cpu_model;    // as the VMM is told
  std::string host_cpu;  // host_cpu_digest(): a frozen guest may use every flag that it saw, and has its clock's rate
  unsigned cpus = 0;
  base::Bytes memory;
  base::Bytes disk;
};
base::Json to_json(const TemplateInputs& inputs);
// The SHA-256 of the canonical (sorted, unindented) JSON of the inputs and of the format's version.
std::string template_key(const TemplateInputs& inputs);
// A digest of the processor's vendor, model and flags (/proc/cpuinfo).
std::string host_cpu_digest();

struct Template {
  std::string key;
  std::string folder;
  std::string created;
  base::Json inputs;

  std::string ram() const { return folder + "/ram"; }
  std::string state() const { return folder + "/state"; }
  std::string disk() const { return folder + "/disk.raw"; }
  std::string overlay() const { return folder + "/overlay.qcow2"; }
  std::string image_digest() const { return inputs.value("image_digest", ""); }
};

struct TemplateLookup {
  std::optional<Template> found;
  std::string reason;  // why there is none: "not made yet", "the file 'ram' has changed (its modification time)"
};

struct TemplateCheck {
  std::string key;
  std::string image_digest;  // "" where the manifest can't be read
  base::Bytes size;          // on disk
  std::string problem;       // "" when intact
};

// A template that is being made: the maker writes ram, state, disk.raw and overlay.qcow2 into folder() and commits.
// The destructor of one that was not committed removes the folder.
class TemplateDraft {
 public:
  explicit TemplateDraft(std::string folder);
  TemplateDraft(TemplateDraft&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  ~TemplateDraft();
  const std::string& folder() const { return folder_; }

 private:
  friend class TemplateStore;
  std::string folder_;
};

class TemplateStore {
 public:
  explicit TemplateStore(const std::string& cache);

  // Where the template of a key is or would be; whether it is one is find()'s to say.
  std::string folder_of(const std::string& key) const;
  // Complete and unchanged, or nothing with the reason. Needs no lock; under a millisecond besides the state's digest.
  TemplateLookup find(const std::string& key) const;
  // Waits for the lock of a key. Whoever wants to make a template takes it, looks again, and then makes it.
  base::FileLock lock(const std::string& key) const;
  // Nothing when somebody else has the lock, so that the caller can say that it waits.
  std::optional<base::FileLock> try_lock(const std::string& key) const;

  // The three below need the key's lock. begin() removes what a killed maker of this key left.
  TemplateDraft begin(const std::string& key) const;
  // Syncs the files, records them in the manifest, renames the folder into place (in place of an invalid one).
  Template commit(TemplateDraft draft, const std::string& key, const TemplateInputs& inputs) const;
  // Removes a template; none is not an error.
  void discard(const std::string& key) const;

  // What killed makers of any key left. Both need no lock and wait for none.
  bool has_abandoned() const;
  void sweep() const;

  // Readable templates, unverified.
  std::vector<Template> list() const;
  // Reads and digests everything. Without the keys' locks: whoever acts on a problem takes the lock and verifies again.
  std::vector<TemplateCheck> verify_all() const;
  // One of them; nothing where there is none.
  std::optional<TemplateCheck> verify(const std::string& key) const;
  // Removes the templates made from an image (each under its lock) and says how many.
  size_t discard_for_image(const std::string& digest) const;

 private:
  struct Abandoned;
  std::vector<Abandoned> abandoned() const;

  std::string folder_;
};

// For a draft of a process that is ending: waits for its maker's end, and whoever else makes that template. Nothing for
// what is no draft of this cache.
std::optional<base::FileLock> wait_for_maker(const std::string& cache, const std::string& draft);

// Gives a sandbox the file `from` as `to`: a hard link, or a copy (reflink where possible, holes kept) on another file
// system.
void link_or_copy(const std::string& from, const std::string& to);
// A copy of its own: reflink where possible, holes kept.
void copy_file(const std::string& from, const std::string& to);

}  // namespace caisson::image
