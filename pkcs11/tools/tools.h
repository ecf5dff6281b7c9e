/* The four tools; each gives the exit status of the program. */
#ifndef DKS_TOOLS_H
#define DKS_TOOLS_H

#include "options.h"

int keygen_run(const struct options *options);
int list_run(const struct options *options);
int destroy_run(const struct options *options);
int tokens_run(const struct options *options);

#endif
