/* What a validated module would tell (PKCS#11 3.2, 5.6.12). */

#include "call.h"

/* The module is not validated by anybody, so no flag is set. */
CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE hSession, CK_ULONG type, CK_FLAGS *pFlags) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  if (pFlags == NULL || type != CKS_LAST_VALIDATION_OK) return call_end(&call, CKR_ARGUMENTS_BAD);
  *pFlags = 0;
  return call_end(&call, CKR_OK);
}
