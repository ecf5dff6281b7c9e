/* Signatures that hold their data (PKCS#11 5.14 and 5.16): RSA with PKCS#1 v1.5 padding or none. */

#include <string.h>

#include "public_key.h"
#include "sign.h"

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  return operation_init(hSession, OPERATION_SIGN_RECOVER, pMechanism, hKey);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,
                    CK_ULONG *pulSignatureLen) {
  return sign_at_once(hSession, OPERATION_SIGN_RECOVER, pData, ulDataLen, pSignature, pulSignatureLen);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  return operation_init(hSession, OPERATION_VERIFY_RECOVER, pMechanism, hKey);
}

static CK_RV verify_recover(struct call *call, struct operation *operation, const CK_BYTE *signature,
                            CK_ULONG signature_length, CK_BYTE *data, CK_ULONG *length) {
  bool answered = false;
  CK_RV rv = length == NULL || signature == NULL ? CKR_ARGUMENTS_BAD : operation_check_login(call, operation);
  if (rv == CKR_OK && signature_length != operation->signature_length) rv = CKR_SIGNATURE_LEN_RANGE;
  struct buffer *recovered = &operation->result;
  buffer_wipe(recovered);
  if (rv == CKR_OK && !buffer_reserve(recovered, signature_length)) rv = CKR_HOST_MEMORY;
  if (rv == CKR_OK) {
    recovered->length = recovered->capacity;
    rv = recover_signature(call->library, operation->facts, operation->mechanism->type == CKM_RSA_PKCS, signature,
                           signature_length, recovered->bytes, &recovered->length);
  }
  if (rv == CKR_OK) rv = answer_length(recovered->length, data, length, &answered);
  if (answered) return rv;
  if (rv == CKR_OK) {
    if (recovered->length > 0) memcpy(data, recovered->bytes, recovered->length);
    *length = recovered->length;
  }
  operation_end(operation);
  return rv;
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG ulSignatureLen, CK_BYTE *pData,
                      CK_ULONG *pulDataLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, hSession, OPERATION_VERIFY_RECOVER, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, verify_recover(&call, operation, pSignature, ulSignatureLen, pData, pulDataLen));
}
