/* What can be told and done with the public facts about a key: length of its signatures, checking a signature. */
#ifndef DKS_PUBLIC_KEY_H
#define DKS_PUBLIC_KEY_H

#include "facts.h"

struct library;

/* Bytes of a signature by this key, 0 if it cannot be told. */
size_t signature_length(const struct facts *facts);

/*
 * Checks a raw signature (CKM_RSA_PKCS, CKM_ECDSA, CKM_EDDSA): CKR_OK, CKR_SIGNATURE_INVALID, or
 * CKR_FUNCTION_NOT_SUPPORTED if this library cannot use the key.
 */
CK_RV verify_signature(struct library *library, struct facts *facts, CK_MECHANISM_TYPE raw, const uint8_t *data,
                       size_t length, const uint8_t *signature, size_t signature_size);

#endif
