/* The command line of the four tools: options with the letters and meanings of BIND 9.12's. */
#ifndef DKS_TOOLS_OPTIONS_H
#define DKS_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cryptoki.h"

#define DEFAULT_MODULE "/usr/lib/libcryptechdks-pkcs11.so"

/* A CKA_ID. */
struct id {
  unsigned char bytes[64];
  size_t length;
};

struct options {
  const char *module;
  CK_SLOT_ID slot;
  const char *label, *id_text, *algorithm;
  struct id id;
  CK_ULONG bits;
  unsigned wait;
  /* Copied: the argument itself is blanked out. */
  char *pin;
  /* Which options were given, by letter. */
  bool given[128];
};

struct tool {
  const char *name;
  /* For getopt(3). */
  const char *letters;
  const char *usage;
  /* Exit status after a wrong command line: BIND's differ. */
  int usage_status;
  /* Gives the exit status. */
  int (*run)(const struct options *options);
  /* Whether a word that is no option is the label. */
  bool label_argument;
};

/* Reads the command line; ends the program with the usage if it is wrong. */
void options_read(struct options *options, const struct tool *tool, int argc, char **argv);

#endif
