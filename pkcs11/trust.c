#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"

enum { FILE_MAX = 65536, LINE_MAX_LENGTH = 512 };

static void to_hex(const uint8_t fingerprint[32], char text[65]) {
  for (int i = 0; i < 32; i++) snprintf(text + 2 * i, 3, "%02x", fingerprint[i]);
}

static bool known_hsms_path(const struct config *config, char path[PATH_MAX]) {
  const char *slash = strrchr(config->path, '/');
  int folder = slash == NULL ? 0 : (int)(slash - config->path);
  int length = snprintf(path, PATH_MAX, "%.*s/known_hsms", folder, config->path);
  return length > 0 && length < PATH_MAX;
}

enum known { UNKNOWN, SAME, OTHER, UNREADABLE };

/* Looks for the appliance's line; the first one counts. */
static enum known look_up(const struct config *config, const char *path, const char *hex) {
  enum known known = UNKNOWN;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? UNKNOWN : UNREADABLE;
  char *text = malloc(FILE_MAX + 1);
  ssize_t length = text == NULL ? -1 : read(fd, text, FILE_MAX);
  close(fd);
  if (length < 0 || length == FILE_MAX) known = UNREADABLE;
  else if (length > 0) {
    text[length] = '\0';
    char *next = text;
    while (known == UNKNOWN && next != NULL && *next != '\0') {
      char *line = next;
      next = strchr(line, '\n');
      if (next != NULL) *next++ = '\0';
      char host[256], port[8], fingerprint[65];
      int fields = sscanf(line, "%255s %7s %64s", host, port, fingerprint);
      if (fields < 2 || strcmp(host, config->host) != 0 || strcmp(port, config->port) != 0) continue;
      /* A line that was cut short must not make a known appliance an unknown one, which would be trusted again. */
      known = fields == 3 && strcasecmp(fingerprint, hex) == 0 ? SAME : OTHER;
    }
  }
  free(text);
  return known;
}

static bool remember(const struct config *config, const char *path, const char *hex) {
  char line[LINE_MAX_LENGTH], last = '\n';
  int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  /* An editor may have left the last line without its end. */
  if (fd >= 0 && lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) != 1) last = '\n';
  int length = snprintf(line, sizeof line, "%s%s %s %s\n", last == '\n' ? "" : "\n", config->host, config->port, hex);
  bool written = fd >= 0 && length > 0 && write(fd, line, (size_t)length) == length;
  if (fd >= 0) close(fd);
  if (!written) {
    log_message(LOG_FIRST_USE,
                "the identity of the HSM at %s port %s is not checked, because %s cannot be written; "
                "add <fingerprint>%s</fingerprint> to section <rpc> of %s if it is the right one",
                config->host, config->port, path, hex, config->path);
  }
  return written;
}

/* First use. */
static bool accept_unknown(struct config *config, const char *path, const uint8_t fingerprint[32], const char *hex) {
  if (config->has_accepted && memcmp(config->accepted, fingerprint, 32) != 0) {
    log_message(LOG_TRUST,
                "refused: the HSM at %s port %s has another key than before; its fingerprint is now %s. "
                "If the HSM was replaced, start this program again",
                config->host, config->port, hex);
    return false;
  }
  config->has_accepted = !remember(config, path, hex);
  memcpy(config->accepted, fingerprint, 32);
  return true;
}

bool trust_server(struct config *config, const uint8_t fingerprint[32]) {
  char hex[65], path[PATH_MAX];
  to_hex(fingerprint, hex);
  if (config->has_fingerprint) {
    if (memcmp(fingerprint, config->fingerprint, 32) == 0) return true;
    log_message(LOG_TRUST,
                "refused: the server at %s port %s is not the HSM of %s; its key has the fingerprint %s. "
                "If the HSM was replaced, correct <fingerprint> there",
                config->host, config->port, config->path, hex);
    return false;
  }
  if (!known_hsms_path(config, path)) return true;
  switch (look_up(config, path, hex)) {
    case SAME:
      return true;
    case UNKNOWN:
      return accept_unknown(config, path, fingerprint, hex);
    case UNREADABLE:
      log_message(LOG_TRUST, "refused: cannot read %s, so any server could pass for the HSM; make it readable", path);
      return false;
    case OTHER:
      break;
  }
  log_message(LOG_TRUST,
              "refused: the HSM at %s port %s has another key than at first use; its fingerprint is now %s. "
              "If the HSM was replaced, delete its line from %s",
              config->host, config->port, hex, path);
  return false;
}
