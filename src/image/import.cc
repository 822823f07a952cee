// SPDX-License-Identifier: Apache-2.0

#include "image/import.h"

#include <sys/stat.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/error.h"
#include "base/process.h"
#include "base/text.h"
#include "image/base_image.h"
#include "image/image_builder.h"
#include "image/line_reader.h"
#include "image/oci.h"
#include "image/registry.h"
#include "image/work_folder.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;

// What the user's word for the source turned out to be.
struct Source {
  enum class Kind { kFolder, kTar, kOciLayout, kOciArchive, kDockerArchive, kRegistry };
  Kind kind = Kind::kFolder;
  std::string path;  // or the registry reference
  std::string tag;
};

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

uint64_t file_size(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

void check_that_it_is_there(const std::string& given) {
  for (const char* kind : {"docker://", "oci-archive:", "docker-archive:", "oci:"}) {
    if (given.starts_with(kind)) return;
  }
  if (fs::exists(given)) return;
  const bool path = given.starts_with("/") || given.starts_with(".");
  throw base::Error("cannot import " + base::in_quotes(given) + ": there is no such file or folder",
                    path ? "" : "for an image of a registry write docker://" + base::escaped(given));
}

// One attempt to make an image; everything temporary is in its work folder.
class Import {
 public:
  Import(ImageStore& store, const std::string& name, const std::string& source, base::Progress& progress)
      : store_(store), name_(name), given_(source), progress_(progress), work_(store.cache(), "import") {}

  ImageRecord run() {
    const Source source = recognise();
    switch (source.kind) {
      case Source::Kind::kFolder:
        job_.tree = fs::canonical(source.path);
        break;
      case Source::Kind::kTar:
        job_.layers = {{.path = fs::absolute(source.path), .whiteouts = false, .require_end = true, .diff_id = ""}};
        input_bytes_ = file_size(source.path);
        break;
      case Source::Kind::kOciLayout:
        take_layout(source.path, source.tag);
        break;
      case Source::Kind::kOciArchive:
        take_layout(extract(source.path), source.tag);
        break;
      case Source::Kind::kDockerArchive:
        take(read_docker_archive(extract(source.path)));
        break;
      case Source::Kind::kRegistry:
        take_layout(fetch(source.path), "");
        break;
    }
    return make();
  }

 private:
  Source recognise() {
    const auto after = [&](std::string_view prefix) -> std::string { return given_.substr(prefix.size()); };
    if (given_.starts_with("docker://")) return {Source::Kind::kRegistry, given_, ""};
    if (given_.starts_with("oci-archive:")) return with_tag(Source::Kind::kOciArchive, after("oci-archive:"));
    if (given_.starts_with("docker-archive:")) return {Source::Kind::kDockerArchive, after("docker-archive:"), ""};
    if (given_.starts_with("oci:")) return with_tag(Source::Kind::kOciLayout, after("oci:"));
    if (is_folder(given_)) {
      if (fs::exists(given_ + "/oci-layout")) return {Source::Kind::kOciLayout, given_, ""};
      if (fs::is_empty(given_))
        throw base::Error("cannot import " + base::in_quotes(given_) + ": the folder is empty",
                          "name the folder of a root file system");
      return {Source::Kind::kFolder, given_, ""};
    }
    UnpackJob question;
    question.task = UnpackJob::Task::kKind;
    question.layers = {{.path = fs::absolute(given_), .whiteouts = false, .require_end = false, .diff_id = ""}};
    progress_.update(-1, "looking at the archive");
    const std::string kind = run_unpack(question, work_, {}, progress_).kind;
    if (kind == "oci") return {Source::Kind::kOciArchive, given_, ""};
    if (kind == "docker") return {Source::Kind::kDockerArchive, given_, ""};
    return {Source::Kind::kTar, given_, ""};
  }

  // "PATH[:TAG]": what is there as a whole is the path.
  static Source with_tag(Source::Kind kind, const std::string& text) {
    const size_t colon = text.rfind(':');
    if (fs::exists(text) || colon == std::string::npos) return {kind, text, ""};
    return {kind, text.substr(0, colon), text.substr(colon + 1)};
  }

  std::string extract(const std::string& archive) {
    UnpackJob job;
    job.task = UnpackJob::Task::kExtract;
    job.tree = work_.path() + "/archive";
    job.layers = {{.path = fs::absolute(archive), .whiteouts = false, .require_end = false, .diff_id = ""}};
    fs::create_directory(job.tree);
    run_unpack(job, work_, {.input_bytes = file_size(archive)}, progress_);
    return job.tree;
  }

  std::string fetch(const std::string& reference) {
    require_program("skopeo", "skopeo");
    std::string layout = work_.path() + "/layout";
    progress_.update(-1, "fetching");
    LineReader lines([&](std::string_view line) { progress_.update(-1, base::escaped(line.substr(0, 60))); });
    std::vector<std::string> argv = {"skopeo", "--tmpdir", work_.path(), "--override-os", "linux", "copy"};
    if (is_loopback_registry(reference)) argv.emplace_back("--src-tls-verify=false");
    argv.insert(argv.end(), {reference, "oci:" + layout});
    const base::ExitStatus status =
        follow_program({.argv = std::move(argv)}, lines, [&] { progress_.update(-1, "fetching"); });
    if (!status.ok())
      throw base::Error("cannot fetch " + base::in_quotes(reference) + ": skopeo " + status.text() + ": " +
                            base::escaped(base::trimmed(lines.tail())),
                        "is the name right, and are you logged in (`skopeo login`)?");
    return layout;
  }

  void take_layout(const std::string& folder, const std::string& tag) {
    take(read_oci_layout(fs::absolute(folder), tag, oci_architecture(), [&](uint64_t so_far) {
      progress_.update(-1, "checking digests, " + base::to_string(base::Bytes{so_far}));
    }));
  }

  void take(const OciImage& image) {
    if (image.layers.empty()) throw base::Error("the image has no layers");
    config_ = image.config;
    for (const OciLayer& layer : image.layers) {
      job_.layers.push_back({.path = layer.path, .whiteouts = true, .require_end = false, .diff_id = layer.diff_id});
      input_bytes_ += layer.size;
    }
  }

  ImageRecord make() {
    job_.task = UnpackJob::Task::kImage;
    job_.out = work_.path() + "/image.erofs";
    if (!job_.layers.empty()) {
      job_.tree = work_.path() + "/tree";
      fs::create_directory(job_.tree);
    }
    const UnpackResult result = run_unpack(job_, work_, {.input_bytes = input_bytes_}, progress_);
    ImageRecord record;
    record.name = name_;
    record.source = given_;
    record.has_dockerd = result.has_dockerd;
    record.config = config_;
    const auto size = static_cast<double>(file_size(job_.out));
    return store_.add(record, job_.out, [&](uint64_t so_far) {
      progress_.update(size > 0 ? static_cast<double>(so_far) / size : 1, "computing its digest");
    });
  }

  ImageStore& store_;
  std::string name_;
  std::string given_;
  base::Progress& progress_;
  WorkFolder work_;
  UnpackJob job_;
  ImageConfig config_;
  uint64_t input_bytes_ = 0;
};

}  // namespace

ImageRecord import_image(ImageStore& store, const std::string& name, const std::string& source,
                         base::Progress& progress) {
  validate_image_name(name);
  if (name == kBaseName)
    throw base::Error("the name 'base' is kept for the image that Caisson makes",
                      "choose another name, and run it with --image");
  try {
    check_that_it_is_there(source);
    progress.step("importing the image " + base::in_quotes(name));
    ImageRecord record = Import(store, name, source, progress).run();
    progress.done();
    return record;
  } catch (const fs::filesystem_error& error) {
    throw base::Error("cannot import " + base::in_quotes(source) + ": " + base::escaped(error.code().message()));
  }
}

}  // namespace caisson::image
