// SPDX-License-Identifier: Apache-2.0

#include "keeper/own_places.h"

#include <set>

#include "base/error.h"
#include "base/path_walk.h"
#include "base/paths.h"
#include "base/text.h"
#include "spec/workspace.h"

namespace caisson::keeper {

std::vector<std::string> own_places_in(const std::string& workspace) {
  const std::string top = workspace == "/" ? "" : workspace;
  std::set<std::string> places;
  for (const std::string& own :
       {base::data_folder(), base::cache_folder(), base::config_folder(), base::runtime_folder()}) {
    for (const base::PathStep& step : base::walk_to(own)) {
      const std::string whole = spec::clean_path(step.place + step.rest).value_or(step.place);
      if (spec::is_within(workspace, whole))
        throw base::Error("cannot share " + base::in_quotes(workspace) + ": " + base::in_quotes(own) +
                              " is Caisson's own, and what is in it",
                          "share another folder, or none: -w none");
      if (whole.starts_with(top + "/")) places.insert(whole.substr(top.size() + 1));
    }
  }
  return {places.begin(), places.end()};
}

}  // namespace caisson::keeper
