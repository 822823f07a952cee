// SPDX-License-Identifier: Apache-2.0

// Rows of text in aligned columns, as `ls` prints them. Cells are escaped, so they may come from anywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace caisson::cli {

// How many columns of a terminal `text` takes: one a code point (wide and combining ones are not told apart).
size_t display_width(std::string_view text);

class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  // As many cells as the header has.
  void add(std::vector<std::string> row);
  // The header and the rows, three blanks between columns, no blanks at the ends of lines.
  std::string text() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace caisson::cli
