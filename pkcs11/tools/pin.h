/* The PIN: from the argument of -p, the environment, a file, the terminal, or standard input. */
#ifndef DKS_TOOLS_PIN_H
#define DKS_TOOLS_PIN_H

#include <stdbool.h>
#include <stddef.h>

/* The longest PIN that a Diamond-HSM has. */
enum { PIN_MAX = 4096 };

struct pin {
  unsigned char bytes[PIN_MAX];
  size_t length;
};

/*
 * `source` is the argument of -p: a PIN, `env:NAME` or `file:PATH` (the first line), or NULL: then it is asked for on the terminal,
 * or is the first line of standard input if the process has no terminal. Says why if there is none.
 */
bool pin_get(const char *source, struct pin *pin);

#endif
