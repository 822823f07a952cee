// SPDX-License-Identifier: Apache-2.0

#include "base/error.h"

#include <cstring>

#include "base/text.h"

namespace caisson::base {

Error::Error(std::string problem, std::string hint, int errnum)
    : problem_(std::move(problem)), hint_(std::move(hint)), text_(problem_), errnum_(errnum) {
  if (!hint_.empty()) text_ += " (" + hint_ + ")";
}

Error Error::within(std::string_view doing) const {
  return Error(std::string(doing) + ": " + problem_, hint_, errnum_);
}

Error system_error(std::string_view doing, std::string_view object, int errnum, std::string hint) {
  return Error(std::string(doing) + " " + in_quotes(object) + ": " + std::strerror(errnum), std::move(hint), errnum);
}

}  // namespace caisson::base
