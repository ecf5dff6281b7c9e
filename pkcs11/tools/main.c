/* BIND 9.12's tools for keys on a PKCS#11 token, as one program: the name that it is called by tells which. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tools.h"

static const struct tool tools[] = {
    {
        "pkcs11-keygen",
        ":a:b:ei:l:m:Pp:qSs:",
        "Usage:\n"
        "\tpkcs11-keygen -a algorithm -b keysize -l label\n"
        "\t              [-P] [-m module] [-s slot] [-e] [-i id] [-p PIN | env:name | file:path] [-q]\n",
        2,
        keygen_run,
        true,
    },
    {
        "pkcs11-list",
        ":m:s:i:l:p:P",
        "Usage:\n"
        "\tpkcs11-list [-P] [-m module] [-s slot] [-i id | -l label] [-p PIN | env:name | file:path]\n",
        1,
        list_run,
        false,
    },
    {
        "pkcs11-destroy",
        ":m:s:i:l:p:w:",
        "Usage:\n"
        "\tpkcs11-destroy [-m module] [-s slot] {-i id | -l label} [-p PIN | env:name | file:path] [-w seconds]\n",
        1,
        destroy_run,
        false,
    },
    {
        "pkcs11-tokens",
        ":m:v",
        "Usage:\n"
        "\tpkcs11-tokens [-v] [-m module]\n",
        1,
        tokens_run,
        false,
    },
};

int main(int argc, char **argv) {
  const char *slash = strrchr(argv[0], '/'), *name = slash == NULL ? argv[0] : slash + 1;
  for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
    if (strcmp(tools[i].name, name) != 0) continue;
    /* A core file would have the PIN. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    struct options options;
    options_read(&options, &tools[i], argc, argv);
    int status = tools[i].run(&options);
    free(options.pin);
    /* What was not written, into a full disk or a closed pipe, was not said. */
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    perror("standard output");
    return 1;
  }
  fprintf(stderr, "%s: call it pkcs11-keygen, pkcs11-list, pkcs11-destroy or pkcs11-tokens\n", name);
  return 2;
}
