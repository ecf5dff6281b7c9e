/* Signing and verifying, as the plain functions, those with recovery and the message-based ones share it. */
#ifndef DKS_SIGN_H
#define DKS_SIGN_H

#include "operation.h"

/* Answers a length query, or says that the buffer is too small; CKR_OK with `*answered` false if neither. */
CK_RV answer_length(size_t needed, const CK_BYTE *output, CK_ULONG *length, bool *answered);
/* The one request: signs and writes signature_length bytes. */
CK_RV sign_input(struct call *call, const struct operation *operation, const struct raw_input *input,
                 CK_BYTE *signature, CK_ULONG *length);
/* Signs data given at once: C_Sign, C_SignRecover. */
CK_RV sign_at_once(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_BYTE *data, CK_ULONG data_length,
                   CK_BYTE *signature, CK_ULONG *length);
/* Checks a signature, here or by the appliance. */
CK_RV verify_input(struct call *call, const struct operation *operation, const struct raw_input *input,
                   const CK_BYTE *signature, CK_ULONG length);

#endif
