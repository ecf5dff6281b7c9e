#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"

#define ADVICE "write the file as the manual tells (Configure a client), or set DIAMOND_HSM_CONFIG_PATH to the folder that holds hsm.conf"

enum { FILE_MAX = 65536 };

/* Reads the whole file into `text`. Not stdio: it allocates, and the host may have replaced malloc. */
static bool read_file(const char *path, char text[FILE_MAX + 1]) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t length = 0;
  ssize_t got = 1;
  while (length < FILE_MAX) {
    got = read(fd, text + length, FILE_MAX - length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    length += (size_t)got;
  }
  int error = errno;
  close(fd);
  errno = error;
  text[length] = '\0';
  return got >= 0;
}

/* Blanks out XML comments; one that does not end reaches to the end of the file. */
static void remove_comments(char *text) {
  char *start = text;
  while ((start = strstr(start, "<!--")) != NULL) {
    char *end = strstr(start, "-->");
    size_t length = end == NULL ? strlen(start) : (size_t)(end + 3 - start);
    memset(start, ' ', length);
    start += length;
  }
}

/* Finds the next tag `<name ...>` or `</name>` in [from, to); `*after` is behind its '>'. White space is tolerated. */
static char *find_tag(char *from, char *to, const char *name, bool closing, char **after) {
  size_t length = strlen(name);
  for (char *at = from; at < to; at++) {
    if (*at != '<') continue;
    char *word = at + 1;
    while (word < to && isspace((unsigned char)*word)) word++;
    if (closing) {
      if (word >= to || *word != '/') continue;
      word++;
      while (word < to && isspace((unsigned char)*word)) word++;
    }
    if ((size_t)(to - word) <= length || strncasecmp(word, name, length) != 0) continue;
    char next = word[length];
    if (next != '>' && !isspace((unsigned char)next)) continue;
    char *end = memchr(word, '>', (size_t)(to - word));
    if (end == NULL) return NULL;
    *after = end + 1;
    return at;
  }
  return NULL;
}

/* Moves [*from, *to) to the content of the first element `name` inside it. */
static bool enter_element(char **from, char **to, const char *name) {
  char *content, *after;
  if (find_tag(*from, *to, name, false, &content) == NULL) return false;
  char *end = find_tag(content, *to, name, true, &after);
  if (end == NULL) return false;
  *from = content;
  *to = end;
  return true;
}

/* The trimmed text of an element; false if it is missing. A text that does not fit counts as missing. */
static bool element_text(char *from, char *to, const char *name, char *text, size_t size) {
  if (!enter_element(&from, &to, name)) return false;
  while (from < to && isspace((unsigned char)*from)) from++;
  while (from < to && isspace((unsigned char)to[-1])) to--;
  size_t length = (size_t)(to - from);
  if (length == 0 || length >= size) return false;
  memcpy(text, from, length);
  text[length] = '\0';
  return true;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool config_parse_fingerprint(const char *text, uint8_t fingerprint[32]) {
  int digits = 0;
  for (; *text != '\0'; text++) {
    if (*text == ':') continue;
    int value = hex_digit(*text);
    if (value < 0 || digits == 64) return false;
    uint8_t *byte = &fingerprint[digits / 2];
    *byte = (uint8_t)(digits % 2 == 0 ? value << 4 : *byte | value);
    digits++;
  }
  return digits == 64;
}

static bool missing(const struct config *config, const char *element) {
  log_message(LOG_CONFIG, "%s: the element <%s> of section <rpc> is missing or empty; " ADVICE, config->path, element);
  return false;
}

static bool valid_port(const char *text) {
  char *end;
  long port = strtol(text, &end, 10);
  return *end == '\0' && isdigit((unsigned char)text[0]) && port >= 1 && port <= 65535;
}

static bool parse(struct config *config, char *text) {
  char serial[64], fingerprint[128];
  remove_comments(text);
  char *from = text, *to = text + strlen(text);
  if (!enter_element(&from, &to, "rpc")) {
    log_message(LOG_CONFIG, "%s: the section <rpc> is missing; " ADVICE, config->path);
    return false;
  }
  if (!element_text(from, to, "IP", config->host, sizeof config->host)) return missing(config, "IP");
  if (!element_text(from, to, "port", config->port, sizeof config->port)) return missing(config, "port");
  if (!element_text(from, to, "servername", config->servername, sizeof config->servername))
    return missing(config, "servername");
  if (!element_text(from, to, "serial", serial, sizeof serial)) return missing(config, "serial");
  if (!valid_port(config->port)) {
    log_message(LOG_CONFIG, "%s: <port> of section <rpc> is %s; it must be a number from 1 to 65535, usually 8080",
                config->path, config->port);
    return false;
  }
  config->has_fingerprint = element_text(from, to, "fingerprint", fingerprint, sizeof fingerprint);
  if (config->has_fingerprint && !config_parse_fingerprint(fingerprint, config->fingerprint)) {
    log_message(LOG_CONFIG,
                "%s: <fingerprint> of section <rpc> must be 64 hex digits, the SHA-256 of the appliance's public key, "
                "which dks-hsmd prints when it starts",
                config->path);
    return false;
  }
  return true;
}

bool config_read(struct config *config) {
  const char *folder = secure_getenv("DIAMOND_HSM_CONFIG_PATH");
  if (folder == NULL || folder[0] == '\0') folder = "/etc/dkey/hsm";
  *config = (struct config){0};
  int length = snprintf(config->path, sizeof config->path, "%s/hsm.conf", folder);
  if (length < 0 || (size_t)length >= sizeof config->path) {
    log_message(LOG_CONFIG, "DIAMOND_HSM_CONFIG_PATH is too long");
    return false;
  }
  char *text = malloc(FILE_MAX + 1);
  if (text == NULL) return false;
  bool good = read_file(config->path, text);
  if (good) good = parse(config, text);
  else log_message(LOG_CONFIG, "cannot read %s: %s; " ADVICE, config->path, strerrordesc_np(errno));
  free(text);
  return good;
}
