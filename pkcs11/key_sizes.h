/* Lengths that the public facts about a key tell: length queries need no request. */
#ifndef DKS_KEY_SIZES_H
#define DKS_KEY_SIZES_H

#include "facts.h"
#include "mechanism.h"

/* A curve as CKA_EC_PARAMS names it: by OID or by PrintableString (PKCS#11 3.0, 2.3). */
struct curve {
  const char *params;
  uint8_t params_length;
  /* Bytes of a private key, of a signature (0 if it makes none) and of an encoded point. */
  uint8_t private_length, signature_length, point_length;
  /* OpenSSL's name. */
  const char *name;
};

/* NULL if the key is on none that is known. */
const struct curve *find_curve(const struct facts *facts);
/* Bytes of an RSA modulus, 0 if there is none. */
size_t modulus_length(const struct facts *facts);
/* Bytes of a signature or MAC by this key, 0 if it cannot be told. */
size_t signature_length(const struct facts *facts, const struct mechanism *mechanism);
/* Bytes of a ciphertext of CKM_ML_KEM for this key, 0 if it cannot be told. */
size_t ciphertext_length(const struct facts *facts);
/* An upper bound of the plaintext of a key that is wrapped: the value of a secret key, the PKCS#8 of a private key. */
size_t wrapped_plaintext_bound(const struct facts *facts);

#endif
