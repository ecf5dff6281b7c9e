/* Signing and verifying, as the plain and the message-based functions share it. */
#ifndef DKS_SIGN_H
#define DKS_SIGN_H

#include "operation.h"

/* Answers a length query, or says that the buffer is too small; CKR_OK with `*answered` false if neither. */
CK_RV answer_length(size_t needed, const CK_BYTE *output, CK_ULONG *length, bool *answered);
/* The one request: signs and writes signature_length bytes. */
CK_RV sign_input(struct call *call, const struct operation *operation, const struct raw_input *input,
                 CK_BYTE *signature, CK_ULONG *length);
/* Checks a signature, here or by the appliance. */
CK_RV verify_input(struct call *call, const struct operation *operation, const struct raw_input *input,
                   const CK_BYTE *signature, CK_ULONG length);

#endif
