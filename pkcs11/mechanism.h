/* The mechanisms this library can do its part of: which key, which digest is computed here, what the appliance signs. */
#ifndef DKS_MECHANISM_H
#define DKS_MECHANISM_H

#include "cryptoki.h"
#include "digests.h"

enum use { USE_SIGN = 1, USE_DIGEST = 2, USE_GENERATE = 4 };

struct mechanism {
  CK_MECHANISM_TYPE type;
  unsigned use;
  CK_KEY_TYPE key_type;
  enum digest digest;
  /* What the appliance is asked for. */
  CK_MECHANISM_TYPE raw;
};

/* The mechanism `type` if it can be used so, else NULL. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type, unsigned use);

#endif
