// SPDX-License-Identifier: Apache-2.0

// The authority as which the gate answers where the requests inside TLS are judged, and those that the machine's
// administrator added to its system's: known to what runs in the sandbox, beside the authorities that the image trusts.
// OpenSSL, GnuTLS, Go and what is built on them read the system's files (a bundle, a folder); Node and Python's
// requests have lists of their own and are told by variables. Java in containers says on stderr that it was told of
// something, so it is told only where it matters: where a rule judges requests, or the machine has authorities of its
// administrator's.
//
// What is linked from the root file system is in /run/caisson: a stopped sandbox's disk knows no authority until the
// next start says which. A template is made with those of its machine, and a thaw writes only where they are others by
// now. For containers, see container_trust.h.
#pragma once

#include <string>
#include <vector>

#include "link/services.h"

namespace caisson::guest {

// Mounted into each container as /dev/caisson.
inline constexpr const char* kTrustFolder = "/run/caisson/trust";
inline constexpr const char* kTrustCertificates = "/run/caisson/trust/authorities.crt";
// Has `runc`, which is caisson-init, and comes first in the Docker Engine's PATH.
inline constexpr const char* kRuntimeFolder = "/run/caisson/bin";

// Folders, and links to what is not there yet. Once, when the root file system is mounted; what the image has no place
// for is left out. Throws base::Error when /run can't be written.
void prepare_trust();

// What is trusted now.
class Trust {
 public:
  // Puts the configuration's authorities in the place of those before, at every start and thaw; none leaves the place
  // empty. Returns the variables that every command needs for them. What the image has no place for is left out.
  const std::vector<std::string>& take(const link::Configure& configuration);

 private:
  bool has_taken_ = false;
  bool java_is_told_ = false;
  std::vector<link::Authority> authorities_;
  std::vector<std::string> environment_;
};

// Whether Java in containers is to be told.
bool java_is_told();

// The image's bundle of certificates, "" when it has none.
std::string certificate_bundle();

// The bundle with these at its end, in a place that grows and shrinks in steps, so that the next ones are written over
// it. False when it is no file, or can't be written.
bool put_into_bundle(const std::string& bundle, const std::string& certificates);

}  // namespace caisson::guest
