/*
 * Encryption and decryption. The appliance keeps no state: block modes are sent in chunks, with the chain kept here; all else is
 * collected and sent at once.
 */
#ifndef DKS_CRYPT_H
#define DKS_CRYPT_H

#include "operation.h"

/* How long a result will be. */
struct crypt_length {
  size_t length;
  /* Else it is an upper bound, and the real length is known with the result. */
  bool exact;
};

/*
 * The length of the result of `length` bytes; CKR_DATA_LEN_RANGE or CKR_ENCRYPTED_DATA_LEN_RANGE if the mechanism does not take
 * so many.
 */
CK_RV crypt_result_length(const struct operation *operation, bool decrypt, size_t length, struct crypt_length *result);
/* The most that one request takes: a ciphertext may be longer by a tag or padding. */
static inline size_t crypt_limit(bool decrypt) { return LIMIT_SIGN_INPUT + (decrypt ? 64 : 0); }
/* Whether parts of the data are sent as they come. */
bool crypt_is_streamed(const struct operation *operation, bool decrypt);
/* The length of the output of an Update with a part of `length` bytes. */
size_t crypt_update_length(const struct operation *operation, bool decrypt, size_t length);

/*
 * One request for all of `data`. If the result does not fit, it is kept, with the data, for the same call with a larger buffer.
 */
CK_RV crypt_whole(struct call *call, struct operation *operation, bool decrypt, const uint8_t *data, size_t length,
                  uint8_t *output, CK_ULONG *output_length);
/* Sends a part of a streamed operation; the output buffer is large enough. */
CK_RV crypt_stream(struct call *call, struct operation *operation, bool decrypt, const uint8_t *part, size_t length,
                   uint8_t *output);

/* Other data comes than that of the call whose result did not fit. */
void crypt_forget_result(struct operation *operation);
/* C_...Update, C_...Final and the one-shot function behind the checks that the operation is active. */
CK_RV crypt_update(struct call *call, struct operation *operation, bool decrypt, const uint8_t *part, CK_ULONG length,
                   uint8_t *output, CK_ULONG *output_length);
CK_RV crypt_final(struct call *call, struct operation *operation, bool decrypt, uint8_t *output,
                  CK_ULONG *output_length);
CK_RV crypt_at_once(struct call *call, struct operation *operation, bool decrypt, const uint8_t *data, CK_ULONG length,
                    uint8_t *output, CK_ULONG *output_length);

#endif
