/* What -a and -b of pkcs11-keygen mean. */
#ifndef DKS_TOOLS_ALGORITHM_H
#define DKS_TOOLS_ALGORITHM_H

#include <stdbool.h>

#include "options.h"

/* The keys to make. */
struct key_kind {
  CK_MECHANISM_TYPE mechanism;
  CK_ULONG bits;
  /* The curve (CKA_EC_PARAMS), or NULL for RSA. */
  const CK_BYTE *curve;
  CK_ULONG curve_length;
};

/* Says what is wrong with the options. */
bool algorithm_read(const struct options *options, struct key_kind *kind);

#endif
