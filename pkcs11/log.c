#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

enum { INTERVAL_MS = 60000, LINE = 1024 };

/* All state is static and never freed: messages may come from calls after the exit handlers. */
static _Atomic int64_t last[LOG_KINDS];
static char file[PATH_MAX];
static _Atomic int silent;

void log_open(void) {
  const char *value = secure_getenv("DKS_PKCS11_LOG");
  file[0] = '\0';
  silent = value != NULL && strcmp(value, "none") == 0;
  if (value == NULL || silent || strcmp(value, "stderr") == 0) return;
  if (strlen(value) < sizeof file) memcpy(file, value, strlen(value) + 1);
}

static void write_line(int fd, const char *line, size_t length) {
  /* A standard error that nobody reads must not end the host: SIGPIPE is held back and taken away. */
  sigset_t pipe_signal, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  /* One write, so that lines of several processes do not mix; a message that cannot be written is lost. */
  ssize_t written;
  do {
    written = write(fd, line, length);
  } while (written < 0 && errno == EINTR);
  if (written < 0 && errno == EPIPE && !sigismember(&before, SIGPIPE)) {
    sigtimedwait(&pipe_signal, NULL, &(struct timespec){0});
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void log_message(enum log_kind kind, const char *format, ...) {
  if (silent) return;
  int64_t now = clock_ms(), before = atomic_load(&last[kind]);
  if (before != 0 && now - before < INTERVAL_MS) return;
  if (!atomic_compare_exchange_strong(&last[kind], &before, now)) return;

  int saved = errno;
  char line[LINE];
  int used = snprintf(line, sizeof line, "libcryptechdks-pkcs11: ");
  va_list arguments;
  va_start(arguments, format);
  int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
  va_end(arguments);
  if (more < 0) more = 0;
  size_t length = (size_t)used + (size_t)more;
  if (length > sizeof line - 2) length = sizeof line - 2;
  /* Host and file names come from outside: no control characters in the line. */
  for (size_t i = 0; i < length; i++) {
    if ((unsigned char)line[i] < ' ') line[i] = '?';
  }
  line[length++] = '\n';

  int fd = STDERR_FILENO;
  if (file[0] != '\0') fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd >= 0) write_line(fd, line, length);
  if (file[0] != '\0' && fd >= 0) close(fd);
  errno = saved;
}
