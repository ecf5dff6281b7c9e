#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char HEX[] = "hex:";

static bool read_number(const char *text, int base, unsigned long most, unsigned long *number) {
  if (!isdigit((unsigned char)text[0])) return false;
  char *end;
  errno = 0;
  *number = strtoul(text, &end, base);
  return errno == 0 && *end == '\0' && *number <= most;
}

/* A number has two bytes if it fits, else four, as in BIND; `hex:` and digits are the bytes themselves. */
static bool read_id(const char *text, struct id *id) {
  if (strncmp(text, HEX, sizeof HEX - 1) == 0) {
    const char *digits = text + sizeof HEX - 1;
    size_t count = strlen(digits);
    if (count == 0 || count % 2 != 0 || count / 2 > sizeof id->bytes || strspn(digits, "0123456789abcdefABCDEF") != count)
      return false;
    for (size_t i = 0; i < count; i += 2) {
      const char pair[] = {digits[i], digits[i + 1], '\0'};
      id->bytes[i / 2] = (unsigned char)strtoul(pair, NULL, 16);
    }
    id->length = count / 2;
    return true;
  }
  unsigned long number;
  /* Octal to BIND's pkcs11-keygen, decimal to its pkcs11-destroy. */
  if (text[0] == '0' && isdigit((unsigned char)text[1])) return false;
  if (!read_number(text, 0, 0xffffffffUL, &number)) return false;
  id->length = number <= 0xffff ? 2 : 4;
  for (size_t i = 0; i < id->length; i++) id->bytes[i] = (unsigned char)(number >> (8 * (id->length - 1 - i)));
  return true;
}

/* The PIN would stay visible in the list of processes. */
static char *take_secret(char *argument) {
  char *copy = strdup(argument);
  if (copy == NULL) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  explicit_bzero(argument, strlen(argument));
  return copy;
}

/* What is wrong with an option, or NULL. */
static const char *read_option(struct options *options, int letter, char *argument) {
  unsigned long number = 0;
  switch (letter) {
    case 'a': options->algorithm = argument; return NULL;
    case 'l': options->label = argument; return NULL;
    case 'm': options->module = argument; return NULL;
    case 'p':
      free(options->pin);
      options->pin = take_secret(argument);
      return NULL;
    case 'i':
      options->id_text = argument;
      return read_id(argument, &options->id) ? NULL : "an ID is a number up to 4294967295, or hex: and up to 64 bytes";
    case 's':
      if (!read_number(argument, 10, ULONG_MAX, &options->slot)) return "a slot is a number";
      return NULL;
    case 'b':
      if (!read_number(argument, 10, 65536, &number) || number == 0) return "a key size is a number of bits";
      options->bits = number;
      return NULL;
    case 'w':
      if (!read_number(argument, 10, 86400, &number)) return "a time to wait is a number of seconds, up to 86400";
      options->wait = (unsigned)number;
      return NULL;
    case 'S': return "there are no Diffie-Hellman keys with a special prime any more";
    default: return NULL;
  }
}

void options_read(struct options *options, const struct tool *tool, int argc, char **argv) {
  const char *module = secure_getenv("PKCS11_PROVIDER");
  *options = (struct options){.module = module != NULL && *module != '\0' ? module : DEFAULT_MODULE, .wait = 5};
  bool wrong = false;
  int letter;
  opterr = 0;
  while ((letter = getopt(argc, argv, tool->letters)) != -1) {
    if (letter == ':' || letter == '?') {
      fprintf(stderr, letter == ':' ? "Option -%c requires an operand\n" : "Unrecognised option: -%c\n", optopt);
      wrong = true;
      continue;
    }
    options->given[letter & 127] = true;
    const char *problem = read_option(options, letter, optarg);
    if (problem == NULL) continue;
    fprintf(stderr, "Option -%c: %s\n", letter, problem);
    wrong = true;
  }
  if (tool->label_argument && options->label == NULL && optind < argc) options->label = argv[optind++];
  /* Behind an unknown option it may be a PIN. */
  if (!wrong && optind < argc) {
    fprintf(stderr, "Unexpected argument: %s\n", argv[optind]);
    wrong = true;
  }
  if (options->label != NULL && *options->label == '\0') {
    fprintf(stderr, "The label is empty\n");
    wrong = true;
  }
  if (!wrong) return;
  fputs(tool->usage, stderr);
  exit(tool->usage_status);
}
