/* Mechanism parameters: what is checked, and how they cross the wire. */
#ifndef DKS_PARAMETERS_H
#define DKS_PARAMETERS_H

#include "cryptoki.h"
#include "mechanism.h"
#include "operation_state.h"

struct library;

/* What the library itself has to know of a parameter. */
struct parameter_facts {
  /* IV or counter block of a block mode. */
  uint8_t block[BLOCK];
  uint32_t counter_bits;
  /* Bytes that GCM or CCM add, or the length that a _GENERAL mechanism cuts its MAC to. */
  size_t tag_length;
  /* CCM: the bytes that will come. */
  CK_ULONG data_length;
};

/* The longest AAD, label or other input of a parameter, and the longest IV: with all else they fit one field of a message. */
enum { PARAMETER_AAD_MAX = LIMIT_ATTRIBUTE_VALUE, PARAMETER_INPUT_MAX = 32768, PARAMETER_IV_MAX = 256 };

/* Checks a parameter and appends it to `xdr`. CKR_OK or CKR_MECHANISM_PARAM_INVALID (CKR_HOST_MEMORY is left to `xdr`). */
CK_RV parameter_encode(struct library *library, const struct mechanism *mechanism, const CK_MECHANISM *given,
                       struct parameter_facts *known, struct buffer *xdr);
/* The parts for key derivation, in a file of their own. */
CK_RV parameter_encode_derivation(struct library *library, const struct mechanism *mechanism, const CK_MECHANISM *given,
                                  struct buffer *xdr);

/* GCM and CCM, also for messages and wrapping. */
CK_RV parameter_put_gcm(struct buffer *xdr, const CK_BYTE *iv, CK_ULONG iv_length, const CK_BYTE *aad,
                        CK_ULONG aad_length, CK_ULONG tag_bits);
CK_RV parameter_put_ccm(struct buffer *xdr, CK_ULONG data_length, const CK_BYTE *nonce, CK_ULONG nonce_length,
                        const CK_BYTE *aad, CK_ULONG aad_length, CK_ULONG mac_length);

/* Whether a pointer and a length go together and the length is at most `max`. */
bool parameter_is_input(const void *bytes, CK_ULONG length, CK_ULONG max);
/* Whether a mechanism is a digest that the library knows. */
bool parameter_is_digest(CK_MECHANISM_TYPE type);

#endif
