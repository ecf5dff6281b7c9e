/* Functions that this token does not have. Every pointer of the function lists must lead somewhere. */

#include "process.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

static CK_RV answer(CK_RV rv) {
  if (process_enter() == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  process_leave();
  return rv;
}

#define UNSUPPORTED(name, parameters)                                                                                  \
  CK_RV name parameters { return answer(CKR_FUNCTION_NOT_SUPPORTED); }

/* Sessions are not asynchronous (PKCS#11 3.2, 5.22). */
UNSUPPORTED(C_AsyncComplete, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pFunctionName, CK_ASYNC_DATA *pResult))
UNSUPPORTED(C_AsyncGetID, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pFunctionName, CK_ULONG *pulID))
UNSUPPORTED(C_AsyncJoin, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pFunctionName, CK_ULONG ulID, CK_BYTE *pData,
                          CK_ULONG ulData))

/* No mechanism wraps with associated data: with an IV of the caller's choice, two keys under one IV would give each other away. */
UNSUPPORTED(C_WrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                                     CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey, CK_BYTE *pAssociatedData,
                                     CK_ULONG ulAssociatedDataLen, CK_BYTE *pWrappedKey, CK_ULONG *pulWrappedKeyLen))
UNSUPPORTED(C_UnwrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                                       CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE *pWrappedKey, CK_ULONG ulWrappedKeyLen,
                                       CK_ATTRIBUTE *pTemplate, CK_ULONG ulAttributeCount, CK_BYTE *pAssociatedData,
                                       CK_ULONG ulAssociatedDataLen, CK_OBJECT_HANDLE *phKey))

/* The two functions of parallel times (PKCS#11 5.20). */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE hSession) { return answer(CKR_FUNCTION_NOT_PARALLEL); }
CK_RV C_CancelFunction(CK_SESSION_HANDLE hSession) { return answer(CKR_FUNCTION_NOT_PARALLEL); }
