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

UNSUPPORTED(C_InitToken, (CK_SLOT_ID slotID, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen, CK_UTF8CHAR *pLabel))
UNSUPPORTED(C_InitPIN, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen))
UNSUPPORTED(C_SetPIN, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pOldPin, CK_ULONG ulOldLen, CK_UTF8CHAR *pNewPin,
                       CK_ULONG ulNewLen))
UNSUPPORTED(C_GetOperationState, (CK_SESSION_HANDLE hSession, CK_BYTE *pState, CK_ULONG *pulStateLen))
UNSUPPORTED(C_SetOperationState, (CK_SESSION_HANDLE hSession, CK_BYTE *pState, CK_ULONG ulStateLen,
                                  CK_OBJECT_HANDLE hEncryptionKey, CK_OBJECT_HANDLE hAuthenticationKey))
UNSUPPORTED(C_CopyObject, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE *pTemplate,
                           CK_ULONG ulCount, CK_OBJECT_HANDLE *phNewObject))
UNSUPPORTED(C_GetObjectSize, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG *pulSize))

#define CRYPT(name)                                                                                                    \
  UNSUPPORTED(name##Init, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey))               \
  UNSUPPORTED(name, (CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pOutput,                 \
                     CK_ULONG *pulOutputLen))                                                                          \
  UNSUPPORTED(name##Update, (CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen, CK_BYTE *pOutput,         \
                             CK_ULONG *pulOutputLen))                                                                  \
  UNSUPPORTED(name##Final, (CK_SESSION_HANDLE hSession, CK_BYTE *pOutput, CK_ULONG *pulOutputLen))

CRYPT(C_Encrypt)
CRYPT(C_Decrypt)

#define DUAL(name)                                                                                                     \
  UNSUPPORTED(name, (CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen, CK_BYTE *pOutput,                 \
                     CK_ULONG *pulOutputLen))

DUAL(C_DigestEncryptUpdate)
DUAL(C_DecryptDigestUpdate)
DUAL(C_SignEncryptUpdate)
DUAL(C_DecryptVerifyUpdate)

UNSUPPORTED(C_DigestKey, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey))
UNSUPPORTED(C_SignRecoverInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey))
UNSUPPORTED(C_SignRecover, (CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,
                            CK_ULONG *pulSignatureLen))
UNSUPPORTED(C_VerifyRecoverInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey))
UNSUPPORTED(C_VerifyRecover, (CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG ulSignatureLen,
                              CK_BYTE *pData, CK_ULONG *pulDataLen))
UNSUPPORTED(C_GenerateKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_ATTRIBUTE *pTemplate,
                            CK_ULONG ulCount, CK_OBJECT_HANDLE *phKey))
UNSUPPORTED(C_WrapKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hWrappingKey,
                        CK_OBJECT_HANDLE hKey, CK_BYTE *pWrappedKey, CK_ULONG *pulWrappedKeyLen))
UNSUPPORTED(C_UnwrapKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hUnwrappingKey,
                          CK_BYTE *pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount,
                          CK_OBJECT_HANDLE *phKey))
UNSUPPORTED(C_DeriveKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hBaseKey,
                          CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE *phKey))
UNSUPPORTED(C_LoginUser, (CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen,
                          CK_UTF8CHAR *pUsername, CK_ULONG ulUsernameLen))

CK_MESSAGE_FUNCTIONS(UNSUPPORTED)

/* The two functions of parallel times (PKCS#11 5.20). */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE hSession) { return answer(CKR_FUNCTION_NOT_PARALLEL); }
CK_RV C_CancelFunction(CK_SESSION_HANDLE hSession) { return answer(CKR_FUNCTION_NOT_PARALLEL); }
