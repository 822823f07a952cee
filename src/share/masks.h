// SPDX-License-Identifier: Apache-2.0

// Which names a guest never sees. Pure: names only; what the files behind them are is in hidden_files.h.
//
// A pattern without a slash is one component's, anywhere: ".env*", "id_rsa". A pattern with one is a path's from the
// top of the shared folder: "config/master.key", "secrets/**". In a component "*" is any text, "?" any byte, "[a-c]"
// one of a set; "**" as a whole component is any number of components. Upper and lower case are the same. A folder that
// is masked hides all that is below it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::share {

// What `apply` (src/changes) works in, in the top folder; always masked there.
inline constexpr std::string_view kApplyFolderPrefix = ".caisson-apply-";

class Masks {
 public:
  // Each list at most kMaxPatterns long, path patterns of at most kMaxPathComponents in all. Throws base::Error that
  // names the pattern. What `unmask` matches is not masked, whatever `masks` says.
  static constexpr size_t kMaxPatterns = 256;
  static constexpr size_t kMaxPathComponents = 64;
  // `own` are paths from the top and no patterns: Caisson's, which stay masked whatever `unmask` says.
  Masks(const std::vector<std::string>& masks, const std::vector<std::string>& unmask,
        const std::vector<std::string>& own = {});

  // How far path patterns have matched down to a folder: a set of positions, of which each folder has its own.
  using State = uint64_t;
  State top() const { return top_; }

  struct Step {
    bool masked = false;
    bool token_holder = false;  // masked if it holds a registry's token: see holds_token()
    State state = 0;            // the child's, where it is a folder
  };
  // From a folder to a name in it.
  Step step(State folder, std::string_view name, bool in_top) const;
  // A path from the top, "a/b/c": masked itself, or below a masked folder. A .npmrc counts as masked (holding a token).
  bool hides(std::string_view path) const;
  // Whether a folder of that state is on the way to a path that is masked: it must not get another name.
  bool leads_to_masked(State state) const { return (state & anchored_) != 0; }
  // Whether there is anything that hard links could be made of.
  bool any() const { return tokens_ || !names_.empty() || !path_.empty(); }

 private:
  enum class Kind : uint8_t { kMask, kUnmask, kOwn };
  struct Position {
    std::string pattern;  // of one component, in lower case
    bool any_depth;       // "**"
    bool last;
    Kind kind;
  };
  void add_path(std::string_view pattern, Kind kind);
  State closed(State state) const;

  std::vector<std::string> names_;
  std::vector<std::string> unmasked_names_;
  std::vector<Position> path_;  // of all path patterns, one after the other
  State top_ = 0;
  State anchored_ = 0;
  bool tokens_ = true;
};

// `text`, a .npmrc, has a registry's secret in it: _authToken, _auth or _password.
bool holds_token(std::string_view text);
// The name that is looked into for one, in any case.
bool is_token_file(std::string_view name);

}  // namespace caisson::share
