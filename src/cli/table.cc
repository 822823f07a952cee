// SPDX-License-Identifier: Apache-2.0

#include "cli/table.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::cli {
namespace {

constexpr size_t kGap = 3;

std::string line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string out;
  size_t owed = 0;  // blanks that are written only when another cell follows
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].empty()) {
      out.append(owed, ' ');
      out += cells[i];
      owed = 0;
    }
    owed += widths[i] - display_width(cells[i]) + kGap;
  }
  return out + '\n';
}

}  // namespace

size_t display_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = base::escaped(cell);
  row.resize(header_.size());
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::vector<size_t> widths;
  for (const std::string& name : header_) widths.push_back(display_width(name));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out = line(header_, widths);
  for (const auto& row : rows_) out += line(row, widths);
  return out;
}

}  // namespace caisson::cli
