/* What signing and verifying have in common: choosing the key and the mechanism, and collecting the data. */
#ifndef DKS_OPERATION_H
#define DKS_OPERATION_H

#include "call.h"

/* The input of the raw mechanism: a digest, a DigestInfo, or the data itself. */
struct raw_input {
  const uint8_t *bytes;
  size_t length;
  uint8_t made[DIGEST_INFO_MAX];
};

/* Begins an operation with a key of the given class that has the given usage attribute. A NULL mechanism cancels. */
CK_RV operation_begin(struct call *call, struct operation *operation, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE key, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE usage);
/* Adds a part of the data. */
CK_RV operation_update(struct call *call, struct operation *operation, const uint8_t *part, CK_ULONG length);
/* The raw input for data given at once. */
CK_RV operation_input(struct call *call, struct operation *operation, const uint8_t *data, CK_ULONG length,
                      struct raw_input *input);
/* The raw input for the parts that were added. */
CK_RV operation_final_input(struct operation *operation, struct raw_input *input);

#endif
