// SPDX-License-Identifier: Apache-2.0

// What a container, and each step of a build, needs to trust the gate's authority as the sandbox around it does,
// without a change in its image: a folder mounted in its /dev, which is a tmpfs, so that no mount point stays in a
// layer; and variables.
//
// They add to what the container trusts wherever a program can add (OpenSSL and Go: a folder; git; Node). Some know
// only one list, which is the sandbox's then (Python's requests and gRPC, apt, Java). What the container or its image
// has set is left; JAVA_TOOL_OPTIONS, which has many uses, is added to. Sources: the OCI runtime specification
// (config.md: mounts, process.env), SSL_CTX_load_verify_locations(3), curl(1), git-config(1).
#pragma once

#include <string>

#include "base/json_reader.h"

namespace caisson::guest {

struct ContainerTrust {
  std::string bundle = {};  // the sandbox's own bundle of certificates; "": it has none
  bool java = false;        // kJavaStore is there, and Java is to be told of it
};

// Something that is no such configuration is left as it is.
void add_trust_to_process(base::Json& process, const ContainerTrust& trust);
void add_trust_to_container(base::Json& configuration, const ContainerTrust& trust);

}  // namespace caisson::guest
