// SPDX-License-Identifier: Apache-2.0

// The program of the container that cases_work.py builds:
//   serve write     makes /page from $GREETING; a step of the Dockerfile
//   serve show      prints the page
//   serve           answers each request on port 8000 with the page, and notes its path in /out/requests
//   serve ask HOST  prints what a server of this kind answers on that host

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char* const kPage = "/page";
static const char* const kRequests = "/out/requests";
static const char* const kPort = "8000";

static _Noreturn void fail(const char* what) {
  perror(what);
  exit(1);
}

static void end(int number) {
  (void)number;
  _exit(0);
}

static void write_page(void) {
  const char* greeting = getenv("GREETING");
  FILE* page = fopen(kPage, "w");
  if (!greeting || !page || fprintf(page, "%s\n", greeting) < 0 || fclose(page) != 0) fail(kPage);
}

static size_t read_page(char* into, size_t size) {
  FILE* page = fopen(kPage, "r");
  if (!page) fail(kPage);
  const size_t got = fread(into, 1, size, page);
  fclose(page);
  return got;
}

static void answer(int connection) {
  char request[4096] = "";
  size_t used = 0;
  while (!strstr(request, "\r\n\r\n")) {
    const ssize_t got = read(connection, request + used, sizeof request - 1 - used);
    if (got <= 0) return;
    used += (size_t)got;
    request[used] = '\0';
  }
  char path[256];
  if (sscanf(request, "GET %255s", path) != 1) return;
  FILE* requests = fopen(kRequests, "a");
  if (!requests || fprintf(requests, "%s\n", path) < 0 || fclose(requests) != 0) fail(kRequests);
  char page[256];
  const size_t size = read_page(page, sizeof page);
  dprintf(connection, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%.*s", size, (int)size,
          page);
}

static void serve(void) {
  // Process 1 of a container gets only those signals that it has a handler for.
  signal(SIGTERM, end);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(kPort))};
  if (bind(listener, (const struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 16) != 0)
    fail("listen");
  for (;;) {
    const int connection = accept(listener, NULL, NULL);
    if (connection < 0) fail("accept");
    answer(connection);
    close(connection);
  }
}

static void ask(const char* host) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  const int problem = getaddrinfo(host, kPort, &hints, &found);
  if (problem != 0) {
    fprintf(stderr, "%s: %s\n", host, gai_strerror(problem));
    exit(1);
  }
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection, found->ai_addr, found->ai_addrlen) != 0) fail(host);
  dprintf(connection, "GET /neighbour HTTP/1.0\r\n\r\n");
  char buffer[4096];
  for (ssize_t got; (got = read(connection, buffer, sizeof buffer)) > 0;) fwrite(buffer, 1, (size_t)got, stdout);
}

int main(int argc, char** argv) {
  if (argc == 1) {
    serve();
  } else if (argc == 2 && strcmp(argv[1], "write") == 0) {
    write_page();
  } else if (argc == 2 && strcmp(argv[1], "show") == 0) {
    char page[256];
    fwrite(page, 1, read_page(page, sizeof page), stdout);
  } else if (argc == 3 && strcmp(argv[1], "ask") == 0) {
    ask(argv[2]);
  } else {
    return 2;
  }
  return 0;
}
