#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static const char ENVIRONMENT[] = "env:", FILE_NAME[] = "file:", PROMPT[] = "Enter Pin: ";

static volatile sig_atomic_t interrupted;

static void note_signal(int number) { interrupted = number; }

static bool too_long(void) {
  fprintf(stderr, "The PIN has more than %d bytes\n", PIN_MAX);
  return false;
}

/*
 * Waits for input. Signals that are blocked but not in `mask` end it, also if they came before: a signal between a look at
 * `interrupted` and a plain read would be lost.
 */
static bool wait_for_input(int fd, const sigset_t *mask) {
  struct pollfd input = {.fd = fd, .events = POLLIN};
  while (ppoll(&input, 1, NULL, mask) < 0) {
    if (errno != EINTR || interrupted != 0) return false;
  }
  return true;
}

/* A line without its end, byte for byte so that nothing behind it is taken. */
static bool read_line(int fd, const sigset_t *mask, struct pin *pin) {
  for (;;) {
    unsigned char byte;
    if (mask != NULL && !wait_for_input(fd, mask)) return false;
    ssize_t got = read(fd, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0 || byte == '\n') break;
    if (pin->length == PIN_MAX) return too_long();
    pin->bytes[pin->length++] = byte;
  }
  if (pin->length > 0 && pin->bytes[pin->length - 1] == '\r') pin->length--;
  return true;
}

static bool read_text(const char *text, struct pin *pin) {
  pin->length = strlen(text);
  if (pin->length > PIN_MAX) return too_long();
  memcpy(pin->bytes, text, pin->length);
  return true;
}

static bool read_variable(const char *name, struct pin *pin) {
  const char *value = secure_getenv(name);
  if (value == NULL) fprintf(stderr, "-p env:%s: there is no such environment variable\n", name);
  return value != NULL && read_text(value, pin);
}

static bool read_file(const char *path, struct pin *pin) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
    fprintf(stderr, "-p file:%s: cannot read it: %s\n", path, strerror(fd < 0 ? errno : EISDIR));
    if (fd >= 0) close(fd);
    return false;
  }
  if (S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0)
    fprintf(stderr, "Warning: all users can read the PIN in %s (chmod 600)\n", path);
  bool read = read_line(fd, NULL, pin);
  close(fd);
  return read;
}

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof *SIGNALS };

/* Signals that would end the program wait until the terminal is as it was; Ctrl-Z is off meanwhile. */
static void hold_signals(struct sigaction before[SIGNAL_COUNT], sigset_t *mask) {
  struct sigaction note = {.sa_handler = note_signal};
  sigset_t held;
  sigemptyset(&held);
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaddset(&held, SIGNALS[i]);
  sigprocmask(SIG_BLOCK, &held, mask);
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaction(SIGNALS[i], &note, &before[i]);
}

static void release_signals(const struct sigaction before[SIGNAL_COUNT], const sigset_t *mask) {
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaction(SIGNALS[i], &before[i], NULL);
  if (interrupted != 0) raise(interrupted);
  sigprocmask(SIG_SETMASK, mask, NULL);
}

/* What is typed does not appear; whatever ends it, the terminal is as it was. */
static bool ask(int terminal, struct pin *pin) {
  struct sigaction before[SIGNAL_COUNT];
  sigset_t mask;
  struct termios shown, hidden;
  bool is_terminal = tcgetattr(terminal, &shown) == 0;
  hold_signals(before, &mask);
  if (is_terminal) {
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
    tcsetattr(terminal, TCSAFLUSH, &hidden);
  }
  bool read = write(terminal, PROMPT, sizeof PROMPT - 1) >= 0 && read_line(terminal, &mask, pin);
  if (is_terminal) tcsetattr(terminal, TCSAFLUSH, &shown);
  if (write(terminal, "\n", 1) < 0) read = false;
  release_signals(before, &mask);
  return read;
}

static bool ask_user(struct pin *pin) {
  int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return read_line(STDIN_FILENO, NULL, pin);
  bool read = ask(terminal, pin);
  close(terminal);
  return read;
}

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

bool pin_get(const char *source, struct pin *pin) {
  bool read;
  pin->length = 0;
  if (source == NULL) read = ask_user(pin);
  else if (starts_with(source, ENVIRONMENT)) read = read_variable(source + sizeof ENVIRONMENT - 1, pin);
  else if (starts_with(source, FILE_NAME)) read = read_file(source + sizeof FILE_NAME - 1, pin);
  else read = read_text(source, pin);
  if (read && pin->length > 0) return true;
  if (read) fprintf(stderr, "The PIN is empty\n");
  explicit_bzero(pin, sizeof *pin);
  return false;
}
