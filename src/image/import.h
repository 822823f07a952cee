// SPDX-License-Identifier: Apache-2.0

// Makes images of what users have: root file systems and container images.
//
//   DIR                     a root file system; an OCI image layout when it has the file oci-layout
//   FILE                    a tar with any of the usual compressions: a root file system, an OCI archive or a docker
//                           archive
//   oci:DIR[:TAG]           an OCI image layout (image-spec v1.0 and v1.1)
//   oci-archive:FILE, docker-archive:FILE
//   docker://REF            a registry's image, fetched by skopeo; one on this machine may speak plain HTTP
//
// All of it is foreign: archives are unpacked by a helper process that can't leave the tree (unpack.h), sizes and
// counts are bounded, the digests of an OCI image are checked. Ownership and devices are kept by fakeroot, for root and
// for others.
#pragma once

#include <string>

#include "base/progress.h"
#include "image/store.h"

namespace caisson::image {

// Imports `source` as `name`. Throws base::Error; nothing is left then.
ImageRecord import_image(ImageStore& store, const std::string& name, const std::string& source,
                         base::Progress& progress);

}  // namespace caisson::image
