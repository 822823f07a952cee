// SPDX-License-Identifier: Apache-2.0

// Stops process 1 as a debugger does, for as long as this program lives.

#include <stdio.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(void) {
  if (ptrace(PTRACE_SEIZE, 1, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, 1, NULL, NULL) != 0) {
    perror("process 1");
    return 1;
  }
  pause();
  return 0;
}
