// SPDX-License-Identifier: Apache-2.0

#include "image/unpack_job.h"

namespace caisson::image {
namespace {

constexpr std::pair<UnpackJob::Task, const char*> kTasks[] = {
    {UnpackJob::Task::kImage, "image"}, {UnpackJob::Task::kExtract, "extract"}, {UnpackJob::Task::kKind, "kind"}};

}  // namespace

base::Json to_json(const UnpackJob& job) {
  base::Json layers = base::Json::array();
  for (const LayerJob& layer : job.layers) {
    layers.push_back({{"path", layer.path},
                      {"whiteouts", layer.whiteouts},
                      {"require_end", layer.require_end},
                      {"diff_id", layer.diff_id}});
  }
  const char* task = "";
  for (const auto& [value, name] : kTasks) {
    if (value == job.task) task = name;
  }
  return {{"task", task},
          {"tree", job.tree},
          {"out", job.out},
          {"layers", std::move(layers)},
          {"max_bytes", job.max_bytes},
          {"max_entries", job.max_entries}};
}

UnpackJob job_from_json(const base::Json& json) {
  base::JsonReader reader(json, "the unpacking job");
  UnpackJob job;
  const auto task = reader.required<std::string>("task");
  bool known = false;
  for (const auto& [value, name] : kTasks) {
    if (task != name) continue;
    job.task = value;
    known = true;
  }
  if (!known) throw base::Error("the unpacking job has an unknown task " + base::in_quotes(task));
  job.tree = reader.required<std::string>("tree");
  job.out = reader.required<std::string>("out");
  const base::Json& layers = reader.raw("layers");
  for (const base::Json& layer : layers) {
    base::JsonReader fields(layer, "a layer of the unpacking job");
    LayerJob one;
    one.path = fields.required<std::string>("path");
    one.whiteouts = fields.required<bool>("whiteouts");
    one.require_end = fields.required<bool>("require_end");
    one.diff_id = fields.required<std::string>("diff_id");
    fields.finish();
    job.layers.push_back(std::move(one));
  }
  job.max_bytes = reader.required<uint64_t>("max_bytes");
  job.max_entries = reader.required<uint64_t>("max_entries");
  reader.finish();
  return job;
}

base::Json to_json(const UnpackResult& result) {
  return {{"has_dockerd", result.has_dockerd}, {"entries", result.entries}, {"kind", result.kind}};
}

UnpackResult result_from_json(const base::Json& json) {
  base::JsonReader reader(json, "the answer of caisson-unpack");
  UnpackResult result;
  result.has_dockerd = reader.required<bool>("has_dockerd");
  result.entries = reader.required<uint64_t>("entries");
  result.kind = reader.required<std::string>("kind");
  reader.finish();
  return result;
}

}  // namespace caisson::image
