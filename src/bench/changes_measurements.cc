// SPDX-License-Identifier: Apache-2.0

#include "bench/changes_measurements.h"

#include <filesystem>

#include "base/error.h"
#include "base/scope.h"

namespace caisson::bench {
namespace {

constexpr std::chrono::minutes kChangesLimit{20};

// A folder for every thousand of them. Nothing is started for a file: the processor may be an emulated one.
constexpr const char* kMakeFiles = R"(
i=0
while [ $i -lt $1 ]; do
  [ $((i % 1000)) != 0 ] || mkdir d$((i / 1000))
  echo $i >d$((i / 1000))/f$i
  i=$((i + 1))
done
)";

struct ChangesRows {
  Row diff;
  Row apply;
  Row copy;
};

ChangesRows changes_rows_of(int files) {
  const std::string key = "changes." + std::to_string(files);
  const std::string name = std::to_string(files) + (files == 1 ? " new file" : " new files");
  return {.diff = {.key = key + ".diff", .name = "`caisson diff --stat`, " + name, .unit = "ms"},
          .apply = {.key = key + ".apply", .name = "`caisson apply`, " + name, .unit = "ms"},
          .copy = {.key = key + ".copy", .name = "`cp -a` of the same, to compare", .unit = "ms"}};
}

size_t files_in(const std::string& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) count += entry.is_regular_file();
  return count;
}

// The copy's time; the other two are put into their rows before.
double measure_round(const Caisson& caisson, int files, ChangesRows& rows) {
  const EmptyFolder workspace;
  const std::string name = caisson.new_name();
  const base::Scope gone([&] { caisson.remove(name); });
  const Runner& runner = caisson.runner();
  runner.run(caisson.run_in(workspace.path(), {"sleep", "infinity"}, {"-d", "--name", name}));
  runner.run(caisson.exec(name, {"sh", "-c", kMakeFiles, "sh", std::to_string(files)}), kChangesLimit);
  const double diff = runner.run(caisson.command({"diff", name, "--stat"}), kChangesLimit).milliseconds();
  const double apply = runner.run(caisson.command({"apply", name}), kChangesLimit).milliseconds();
  if (files_in(workspace.path()) != static_cast<size_t>(files)) throw base::Error("not all files were taken over");
  rows.diff.values.push_back(diff);
  rows.apply.values.push_back(apply);
  const EmptyFolder copies;
  return runner.run({"cp", "-a", workspace.path() + "/.", copies.path()}, kChangesLimit).milliseconds();
}

}  // namespace

Results measure_changes(const Caisson& caisson, const ChangesSettings& settings) {
  Section section{.title = "Changes of a running sandbox", .rows = {}};
  for (const int files : settings.files) {
    ChangesRows rows = changes_rows_of(files);
    for (int i = 0; i < settings.rounds && worth_another_try(rows.copy); ++i)
      attempt(rows.copy, [&] { return measure_round(caisson, files, rows); });
    rows.diff.failures = rows.apply.failures = rows.copy.failures;
    for (Row& row : {std::ref(rows.diff), std::ref(rows.apply), std::ref(rows.copy)}) section.rows.push_back(row);
  }
  return {section};
}

}  // namespace caisson::bench
