// SPDX-License-Identifier: Apache-2.0

// caisson-hello, the only program of the container image caisson/hello. No C library: three system calls, a few
// kilobytes, so that the image costs nothing and its first run in an emulated machine is quick.

#include <linux/utsname.h>

#include <cstddef>

namespace {

long system_call(long number, long a, long b, long c) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
#else
#error "caisson-hello does not know this architecture's system calls"
#endif
}

// write, exit_group, uname
#if defined(__x86_64__)
constexpr long kWrite = 1;
constexpr long kExit = 231;
constexpr long kUname = 63;
#else
constexpr long kWrite = 64;
constexpr long kExit = 94;
constexpr long kUname = 160;
#endif

char out[2048];
size_t used;

void say(const char* text) {
  while (*text != '\0' && used < sizeof out) out[used++] = *text++;
}

int flush() {
  size_t sent = 0;
  while (sent < used) {
    const long written = system_call(kWrite, 1, reinterpret_cast<long>(out + sent), static_cast<long>(used - sent));
    if (written <= 0) return 1;
    sent += static_cast<size_t>(written);
  }
  return 0;
}

new_utsname names;

}  // namespace

extern "C" [[noreturn]] void _start() {  // NOLINT(readability-identifier-naming): the linker's name
  system_call(kUname, reinterpret_cast<long>(&names), 0, 0);
  say("Hello from Caisson!\n\n");
  say("This ran in a container, and the container in a sandbox of its own:\n");
  say("  container   ");
  say(names.nodename);
  say(", started by the Docker Engine that belongs to this sandbox alone\n");
  say("  kernel      ");
  say(names.sysname);
  say(" ");
  say(names.release);
  say(", the sandbox's own; compare it with `uname -r` on your host\n");
  say("\nWhatever happens in here stays in here. When the command ends, the sandbox is gone.\n");
  system_call(kExit, flush(), 0, 0);
  __builtin_unreachable();
}
