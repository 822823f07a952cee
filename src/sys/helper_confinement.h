// SPDX-License-Identifier: Apache-2.0

// A helper program that reads what strangers made (an archive, an image) gives up, before it reads the first byte, all
// that reading does not need: no_new_privs, Landlock and a seccomp filter, of which each must be had. From then on a
// hole in a decoder is worth what the helper still has: its open descriptors, and the folder that it works in.
//
//   HelperConfinement confinement;
//   confinement.allow_changing(target.get());
//   confinement.enter();
//
// What is left beyond that, since neither mechanism can take it away: the names, attributes and links' targets of files
// that the user may look at.
#pragma once

#include "sys/landlock.h"
#include "sys/seccomp.h"

namespace caisson::sys {

class HelperConfinement {
 public:
  // Nothing is allowed but ordinary calls (ordinary_calls.h). Throws base::Error where Landlock is missing or too old
  // to allow a link from one folder to another (before Linux 5.19).
  HelperConfinement();

  // Reading the file or all that is beneath the folder; the descriptors are borrowed until this returns.
  void allow_reading(int descriptor);
  // Making, writing, moving and removing files, folders and links beneath the folder (or writing the file), and setting
  // the mode and time of what was opened there.
  void allow_changing(int descriptor);
  // For the calls that one helper needs besides.
  FilterBuilder& filter() { return filter_; }

  // Confines this process, which must have one thread only, for good. Throws base::Error with the part that can't be
  // had; the process is then to end.
  void enter();

 private:
  LandlockRules rules_;
  FilterBuilder filter_;
};

}  // namespace caisson::sys
