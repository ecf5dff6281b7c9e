/* A part of the data of C_Digest, as the dual-function calls add it. */
#ifndef DKS_DIGEST_H
#define DKS_DIGEST_H

#include "call.h"

/* What is kept of the data of digests whose state is no plain structure, so that it can be saved. */
enum { DIGEST_KEPT = 65536 };

/* Adds a part; an error ends the operation. */
CK_RV digest_part(struct operation *operation, const CK_BYTE *part, CK_ULONG length);

#endif
