/* What all operations with a key have in common: choosing the key and the mechanism, and collecting the data. */
#ifndef DKS_OPERATION_H
#define DKS_OPERATION_H

#include "call.h"
#include "request.h"

/* The input of a mechanism: a digest, or the data itself. */
struct raw_input {
  const uint8_t *bytes;
  size_t length;
  uint8_t made[DIGEST_MAX];
};

/* Begins an operation of a kind. A NULL mechanism cancels the one that goes on. */
CK_RV operation_begin(struct call *call, enum operation_kind kind, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
/* The whole of an Init function. */
CK_RV operation_init(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
                     CK_OBJECT_HANDLE key);
/* A call in the middle of an operation; like call_begin, and CKR_OPERATION_NOT_INITIALIZED if there is none. */
CK_RV operation_call(struct call *call, CK_SESSION_HANDLE session, enum operation_kind kind,
                     struct operation **operation);
/* Whether the login still stands that the operation was begun in, and the PIN of the key came. */
CK_RV operation_check_login(struct call *call, const struct operation *operation);
/* Adds a part of the data to be signed or verified. */
CK_RV operation_update(struct call *call, struct operation *operation, const uint8_t *part, CK_ULONG length);
/* The input for data given at once. */
CK_RV operation_input(struct call *call, struct operation *operation, const uint8_t *data, CK_ULONG length,
                      struct raw_input *input);
/* The input for the parts that were added. */
CK_RV operation_final_input(struct operation *operation, struct raw_input *input);
/* Collects bytes, `limit` at most. */
CK_RV operation_collect(struct operation *operation, const uint8_t *part, CK_ULONG length, size_t limit);

/* A request of an operation: key, mechanism and parameter are written. NULL without memory. */
struct request *operation_request(struct library *library, const struct operation *operation, uint32_t function);
/* Sends it; errors about the object become errors about the key. */
CK_RV operation_send(struct library *library, struct request *request);

#endif
