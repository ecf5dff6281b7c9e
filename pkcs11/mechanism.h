/* The mechanisms, from the table of src/cryptoki: which key, which digest is computed here, how data in parts is sent. */
#ifndef DKS_MECHANISM_H
#define DKS_MECHANISM_H

#include "cryptoki.h"
#include "digests.h"

struct mechanism {
  CK_MECHANISM_TYPE type;
  /* CKF_SIGN and so on. */
  CK_FLAGS flags;
  CK_KEY_TYPE key_types[2];
  enum digest digest;
  enum parameter parameter;
  enum parts parts;
};

/* The mechanism `type` if it can be used in one of the ways of `flags` (0: in any), else NULL. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type, CK_FLAGS flags);
bool mechanism_takes(const struct mechanism *mechanism, CK_KEY_TYPE key_type);
/* Whether keys of this type are secret keys. */
bool is_secret_key_type(CK_KEY_TYPE key_type);
/* Bytes of a whole MAC, 0 if the mechanism makes none. */
size_t mechanism_mac_length(const struct mechanism *mechanism);

#endif
