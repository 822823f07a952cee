// SPDX-License-Identifier: Apache-2.0

// What a guest kernel under software emulation must be told about its clock.
//
// Linux finds out how fast its time stamp counter runs by watching the PIT for some milliseconds. Under emulation on a
// busy host the PIT's interrupts come late: the calibration fails, the counter is marked unstable, and the kernel then
// waits for ticks in "Calibrating delay loop", where a host with a load of 10 kept it for more than 40 s; or it comes
// up with jiffies as its clock, which loses time whenever ticks are lost. QEMU's emulated counter is the host's own
// (plus an offset, the same for all vCPUs), so its frequency is known and it is reliable: with these parameters the
// guest boots under any load and its clock is exact.
#pragma once

#include <cstdint>
#include <string>

namespace caisson::vmm {

// The host's time stamp counter in kHz, measured against CLOCK_MONOTONIC_RAW for a twentieth of a second; 0 where there
// is none.
uint64_t measure_tsc_khz();

// The kernel parameters for a counter of that frequency; "" for 0. no_timer_check: the same watching of interrupts, for
// the I/O APIC's timer, which ends in a panic.
std::string clock_parameters(uint64_t tsc_khz);

}  // namespace caisson::vmm
