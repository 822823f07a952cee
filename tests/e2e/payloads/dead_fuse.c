// SPDX-License-Identifier: Apache-2.0

// A file system that never answers, at argv[1]. With "reads" behind it, it takes the requests, so that who waits cannot
// even be killed. Says "mounted" and serves (or does not) until it is killed.

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static char request[1 << 20];

static void answer_init(int device) {
  struct {
    struct fuse_out_header header;
    struct fuse_init_out body;
  } answer;
  memset(&answer, 0, sizeof answer);
  answer.header.len = sizeof answer;
  answer.header.unique = ((struct fuse_in_header*)request)->unique;
  answer.body.major = FUSE_KERNEL_VERSION;
  answer.body.minor = FUSE_KERNEL_MINOR_VERSION;
  answer.body.max_write = 4096;
  if (write(device, &answer, sizeof answer) < 0) perror("write");
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int device = open("/dev/fuse", O_RDWR);
  char options[128];
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
  if (device < 0 || mount("dead", argv[1], "fuse", 0, options) != 0) {
    perror(argv[1]);
    return 1;
  }
  puts("mounted");
  fflush(stdout);
  if (argc < 3) pause();
  while (read(device, request, sizeof request) > 0) {
    if (((struct fuse_in_header*)request)->opcode == FUSE_INIT) answer_init(device);
  }
  return 1;
}
