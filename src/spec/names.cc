// SPDX-License-Identifier: Apache-2.0

// Names nobody has to think of: what one does and who does it, and four hexadecimal digits against collisions.

#include <fmt/format.h>

#include <array>

#include "spec/sandbox_spec.h"

namespace caisson::spec {
namespace {

constexpr std::array<std::string_view, 64> kAdjectives = {
    "amber",  "bold",   "brave", "brief",  "bright", "brisk", "calm",   "clear", "clever", "cool",   "cosy",
    "crisp",  "curly",  "deep",  "eager",  "early",  "easy",  "fair",   "fancy", "fine",   "fond",   "frank",
    "fresh",  "gentle", "glad",  "golden", "grand",  "happy", "hardy",  "high",  "honest", "humble", "jolly",
    "keen",   "kind",   "late",  "light",  "lively", "lucky", "mellow", "merry", "mild",   "modest", "neat",
    "nimble", "noble",  "plain", "polite", "proud",  "quick", "quiet",  "rapid", "ready",  "royal",  "sharp",
    "silent", "smart",  "solid", "steady", "sunny",  "swift", "tidy",   "warm",  "wise"};

// Whoever lives in, on or near the water.
constexpr std::array<std::string_view, 64> kAnimals = {
    "auk",    "avocet",  "beaver", "bittern", "bream",   "carp",    "clam",   "coot",     "coral",    "cormorant",
    "crab",   "crane",   "curlew", "dace",    "dipper",  "dolphin", "duck",   "dunlin",   "eel",      "egret",
    "eider",  "frog",    "gannet", "goby",    "goose",   "grebe",   "gull",   "heron",    "herring",  "ibis",
    "krill",  "lamprey", "limpet", "loon",    "mallard", "manatee", "marlin", "minnow",   "mussel",   "newt",
    "osprey", "otter",   "oyster", "pelican", "perch",   "pike",    "plover", "porpoise", "puffin",   "rail",
    "ray",    "roach",   "salmon", "seal",    "shrimp",  "smelt",   "snipe",  "stork",    "sturgeon", "swan",
    "teal",   "tern",    "trout",  "walrus"};

}  // namespace

std::string generate_name(uint64_t random) {
  const std::string_view adjective = kAdjectives[random % kAdjectives.size()];
  const std::string_view animal = kAnimals[(random >> 6) % kAnimals.size()];
  return fmt::format("{}-{}-{:04x}", adjective, animal, (random >> 12) & 0xFFFF);
}

}  // namespace caisson::spec
