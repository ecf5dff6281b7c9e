/* What a session remembers about an operation from its C_...Init to its end. */
#ifndef DKS_OPERATION_STATE_H
#define DKS_OPERATION_STATE_H

#include "buffer.h"
#include "digests.h"
#include "facts.h"
#include "mechanism.h"

/* Operations that a session may have going on beside each other (PKCS#11 5.1.7, C_SessionCancel). */
enum operation_kind {
  OPERATION_ENCRYPT,
  OPERATION_DECRYPT,
  OPERATION_DIGEST,
  OPERATION_SIGN,
  OPERATION_SIGN_RECOVER,
  OPERATION_VERIFY,
  OPERATION_VERIFY_RECOVER,
  OPERATION_MESSAGE_ENCRYPT,
  OPERATION_MESSAGE_DECRYPT,
  OPERATION_MESSAGE_SIGN,
  OPERATION_MESSAGE_VERIFY,
  OPERATIONS
};

enum { BLOCK = 16 };

/* The chain of a block mode between requests. */
struct chain {
  /* The IV, the last block of ciphertext, or the next counter block. */
  uint8_t block[BLOCK];
  uint32_t counter_bits;
  /* CTR: how much of the key stream of `block` is used up. */
  uint8_t used;
  /* CTR: the counter has run over; no more data. */
  bool exhausted;
};

struct operation {
  bool active;
  /* An Update came: the one-shot function may not follow. */
  bool parts;
  /* C_VerifySignatureInit: the signature came first. */
  bool presented;
  /* A message was begun and has not ended. */
  bool in_message;
  /* `result` holds the answer to `data`, which did not fit the caller's buffer. */
  bool answered;
  /* More was digested than is kept for C_GetOperationState. */
  bool forgotten;
  /* The key has CKA_ALWAYS_AUTHENTICATE, and its PIN did not come yet. */
  bool locked;
  const struct mechanism *mechanism;
  uint8_t uuid[16];
  struct facts *facts;
  /* Bytes of a signature or a MAC, 0 if the appliance has to tell. */
  size_t signature_length;
  /* Bytes that GCM or CCM add; the length of the data that CCM was told. */
  size_t tag_length;
  CK_ULONG data_length;
  /* With a private object: the login it was begun in. */
  bool private;
  uint64_t epoch;
  struct chain chain;
  /* Messages so far, for generated IVs. */
  uint64_t messages;
  struct digest_state digest;
  /* The mechanism parameter in XDR. */
  struct buffer parameter;
  /* Collected input; the incomplete block of a block mode; what was digested so far where no plain state can be saved. */
  struct buffer data;
  /* A result that waits for a larger buffer; the signature of C_VerifySignatureInit. */
  struct buffer result;
};

/* Ends an operation; memory worth keeping stays, without secrets. */
void operation_end(struct operation *operation);
/* Ends it and gives its memory back. */
void operation_free(struct operation *operation);

#endif
