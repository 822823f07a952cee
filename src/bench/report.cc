// SPDX-License-Identifier: Apache-2.0

#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "bench/statistics.h"

namespace caisson::bench {
namespace {

constexpr size_t kReasonLength = 200;

// One row's cells: what, p50, min, max, runs, note.
struct Cells {
  std::string median;
  std::string minimum;
  std::string maximum;
  std::string runs;
  std::string note;
};

std::string number(const Row& row, double value) {
  return fmt::format("{:.{}f}", value, row.unit == "×" ? 2 : 1);
}

Cells cells_of(const Row& row) {
  const Summary s = summarise(row.values);
  Cells cells{.median = number(row, s.median) + " " + row.unit,
              .minimum = number(row, s.minimum),
              .maximum = number(row, s.maximum),
              .runs = std::to_string(s.count),
              .note = row.note};
  if (row.failed()) {
    cells.median = row.failures.empty() ? "not measured" : "failed";
    cells.minimum = cells.maximum = "–";
  }
  if (row.failures.empty()) return cells;
  cells.runs = fmt::format("{} of {}", s.count, s.count + row.failures.size());
  if (!cells.note.empty()) cells.note += "; ";
  cells.note +=
      fmt::format("{} failed: {}", row.failures.size(), base::escaped(row.failures.front().substr(0, kReasonLength)));
  return cells;
}

const char* sign_of(const Target& target) {
  return target.bound == Bound::kAtMost ? "≤" : "≥";
}

std::string for_table(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

// The marks that make sense in Markdown only.
std::string without_marks(std::string text) {
  std::erase(text, '`');
  for (size_t at = 0; (at = text.find("**")) != std::string::npos;) text.erase(at, 2);
  return text;
}

}  // namespace

std::string as_text(const Report& report) {
  std::string out;
  for (const auto& [name, value] : report.machine) out += fmt::format("{:14} {}\n", name, without_marks(value));
  for (const Section& section : report.results) {
    out += fmt::format("\n{}\n", section.title);
    out += fmt::format("  {:<62} {:>12} {:>9} {:>9} {:>8}\n", "", "p50", "min", "max", "runs");
    for (const Row& row : section.rows) {
      const Cells cells = cells_of(row);
      out += fmt::format("  {:<62} {:>12} {:>9} {:>9} {:>8}\n", without_marks(row.name), cells.median, cells.minimum,
                         cells.maximum, cells.runs);
      if (!row.failures.empty()) out += fmt::format("      {}\n", without_marks(cells.note));
    }
  }
  out += "\nTargets\n";
  for (const Verdict& v : report.verdicts)
    out += fmt::format("  {:<50} {:>8} {:<3} {:>12}  {}\n", without_marks(v.target.text),
                       fmt::format("{} {:g}", sign_of(v.target), v.target.limit), v.unit, v.measured,
                       without_marks(v.verdict));
  return out;
}

std::string as_markdown(const Report& report) {
  std::string out = "### The machine\n\n| | |\n|---|---|\n";
  for (const auto& [name, value] : report.machine) out += fmt::format("| {} | {} |\n", name, for_table(value));
  out += "\n### Targets\n\n| target | limit | measured | |\n|---|---:|---:|---|\n";
  for (const Verdict& v : report.verdicts)
    out += fmt::format("| {} | {} {:g} {} | {} | {} |\n", v.target.text, sign_of(v.target), v.target.limit, v.unit,
                       v.measured, for_table(v.verdict));
  for (const Section& section : report.results) {
    out +=
        fmt::format("\n### {}\n\n| what | p50 | min | max | runs | |\n|---|---:|---:|---:|---:|---|\n", section.title);
    for (const Row& row : section.rows) {
      const Cells cells = cells_of(row);
      out += fmt::format("| {} | {} | {} | {} | {} | {} |\n", row.name, cells.median, cells.minimum, cells.maximum,
                         cells.runs, for_table(cells.note));
    }
  }
  return out;
}

base::Json as_json(const Report& report) {
  base::Json out{{"machine", base::Json::object()}, {"rows", base::Json::array()}, {"targets", base::Json::array()}};
  for (const auto& [name, value] : report.machine) out["machine"][name] = without_marks(value);
  for (const Section& section : report.results) {
    for (const Row& row : section.rows) {
      const Summary s = summarise(row.values);
      base::Json one{{"key", row.key},           {"section", section.title}, {"name", without_marks(row.name)},
                     {"unit", row.unit},         {"note", row.note},         {"values", row.values},
                     {"failures", row.failures}, {"runs", s.count}};
      if (!row.failed())
        one.update({{"p50", s.median}, {"p95", s.p95}, {"minimum", s.minimum}, {"maximum", s.maximum}});
      out["rows"].push_back(std::move(one));
    }
  }
  for (const Verdict& v : report.verdicts)
    out["targets"].push_back({{"key", v.target.key},
                              {"text", without_marks(v.target.text)},
                              {"limit", v.target.limit},
                              {"unit", v.unit},
                              {"met", v.met},
                              {"verdict", without_marks(v.verdict)}});
  return out;
}

std::string with_tables(const std::string& page, const std::string& tables, Part part) {
  const std::string marker = part == Part::kGate      ? "<!-- caisson-bench gate: "
                             : part == Part::kShare   ? "<!-- caisson-bench share: "
                             : part == Part::kChanges ? "<!-- caisson-bench changes: "
                                                      : "<!-- caisson-bench: ";
  const std::string begin_marker = marker + "begin -->";
  const std::string end_marker = marker + "end -->";
  const size_t begin = page.find(begin_marker);
  const size_t end = page.find(end_marker);
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    throw base::Error("the page has no lines '" + begin_marker + "' and '" + end_marker + "'");
  return page.substr(0, begin) + begin_marker + "\n\n" + tables + "\n" + page.substr(end);
}

}  // namespace caisson::bench
