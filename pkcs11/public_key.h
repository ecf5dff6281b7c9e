/* What can be done here with the public facts about a key: checking signatures. */
#ifndef DKS_PUBLIC_KEY_H
#define DKS_PUBLIC_KEY_H

#include "facts.h"
#include "mechanism.h"

struct library;

/*
 * Checks a signature of `data`, which is the digest if the mechanism has one; `parameter` tells whether one was given.
 * CKR_OK, CKR_SIGNATURE_INVALID, or CKR_FUNCTION_NOT_SUPPORTED if the appliance has to be asked.
 */
CK_RV verify_signature(struct library *library, struct facts *facts, const struct mechanism *mechanism, bool parameter,
                       const uint8_t *data, size_t length, const uint8_t *signature, size_t signature_size);
/* The data inside an RSA signature, with PKCS#1 v1.5 padding or none. `*length` is the room, then the length. */
CK_RV recover_signature(struct library *library, struct facts *facts, bool padded, const uint8_t *signature,
                        size_t signature_size, uint8_t *data, size_t *length);

#endif
