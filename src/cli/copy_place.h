// SPDX-License-Identifier: Apache-2.0

// The two ends of `cp` as they are written: a path of this machine, NAME:PATH, or "-".
#pragma once

#include <string>
#include <string_view>

namespace caisson::cli {

struct CopyPlace {
  std::string sandbox;  // "" = this machine
  std::string path;
  bool is_stream() const { return sandbox.empty() && path == "-"; }
};

// docker's rule: NAME:PATH, unless the text begins with "/" or "." ("./a:b" is a file of this machine). Throws.
CopyPlace parse_copy_place(std::string_view text);

// What a path's last part is called in an archive: "x" for "/a/x" and "/a/x/", "." for what names a folder's content
// ("/a/x/.", ".", "..", "/").
std::string top_name(std::string_view path);

}  // namespace caisson::cli
