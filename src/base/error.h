// SPDX-License-Identifier: Apache-2.0

// The one exception type of Caisson.
//
// An Error says what failed, on which object, why, and what the user can do about it. It is thrown where the failure
// is noticed and caught in few places: main, a session's boundary, a task's boundary. What happened to the *guest's*
// command (exit code, signal, out of memory, time-out) is a result and never an Error.
#pragma once

#include <cerrno>
#include <exception>
#include <string>
#include <string_view>

namespace caisson::base {

class Error : public std::exception {
 public:
  // `problem`: lower case, the object in single quotes, no full stop: "cannot open '/x': no such file".
  // `hint`: the remedy, shown in parentheses behind the problem; may be empty.
  explicit Error(std::string problem, std::string hint = {}, int errnum = 0);

  // "problem (hint)"
  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& problem() const noexcept { return problem_; }
  const std::string& hint() const noexcept { return hint_; }
  // The system's errno where it was the cause, else 0.
  int errnum() const noexcept { return errnum_; }

  // The same failure with what was being done put in front: "cannot start 'web': " + problem.
  Error within(std::string_view doing) const;

 private:
  std::string problem_;
  std::string hint_;
  std::string text_;
  int errnum_;
};

// "DOING 'OBJECT': strerror(errnum)". DOING is a phrase such as "cannot open".
Error system_error(std::string_view doing, std::string_view object, int errnum = errno, std::string hint = {});

}  // namespace caisson::base
