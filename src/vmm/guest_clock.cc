// SPDX-License-Identifier: Apache-2.0

#include "vmm/guest_clock.h"

#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace caisson::vmm {

#if defined(__x86_64__)
namespace {

constexpr long kMeasureNs = 50'000'000;
constexpr int kReadings = 16;

// The counter and the clock at the same moment.
struct Reading {
  uint64_t ticks = 0;
  int64_t ns = 0;
};

int64_t clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// The tightest of several: being descheduled between the two reads would spoil one.
Reading read_both() {
  Reading best;
  uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < kReadings; ++i) {
    const uint64_t before = __rdtsc();
    const int64_t ns = clock_ns();
    const uint64_t width = __rdtsc() - before;
    if (width < best_width) {
      best_width = width;
      best = {.ticks = before + width / 2, .ns = ns};
    }
  }
  return best;
}

}  // namespace

uint64_t measure_tsc_khz() {
  const Reading start = read_both();
  const timespec interval{.tv_sec = 0, .tv_nsec = kMeasureNs};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &interval, nullptr);  // cut short by a signal it is still an interval
  const Reading end = read_both();
  if (end.ns <= start.ns || end.ticks <= start.ticks) return 0;
  const auto elapsed_ns = static_cast<unsigned __int128>(end.ns - start.ns);
  return static_cast<uint64_t>(static_cast<unsigned __int128>(end.ticks - start.ticks) * 1'000'000 / elapsed_ns);
}
#else
uint64_t measure_tsc_khz() {
  return 0;
}
#endif

std::string clock_parameters(uint64_t tsc_khz) {
  if (tsc_khz == 0) return {};
  return "tsc=reliable tsc_early_khz=" + std::to_string(tsc_khz) + " no_timer_check";
}

}  // namespace caisson::vmm
