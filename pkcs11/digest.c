/* Message digests (PKCS#11 5.12): computed here, no request. */

#include "call.h"

CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct operation *operation = &call.session->digest;
  if (pMechanism == NULL) {
    rv = operation->active ? CKR_OK : CKR_ARGUMENTS_BAD;
    operation_end(operation);
    return call_end(&call, rv);
  }
  if (operation->active) return call_end(&call, CKR_OPERATION_ACTIVE);
  /* The parameter is not looked at: some callers leave garbage there. */
  operation->mechanism = mechanism_find(pMechanism->mechanism, USE_DIGEST);
  if (operation->mechanism == NULL) return call_end(&call, CKR_MECHANISM_INVALID);
  operation->active = digest_start(call.library, operation->mechanism->digest, &operation->digest);
  operation->parts = false;
  return call_end(&call, operation->active ? CKR_OK : CKR_HOST_MEMORY);
}

/* Adds `data` and writes the digest, or answers a length query or a short buffer and leaves the operation as it is. */
static CK_RV finish(struct operation *operation, const CK_BYTE *data, CK_ULONG data_length, CK_BYTE *digest,
                    CK_ULONG *length) {
  size_t size = digest_length(operation->mechanism->digest);
  CK_RV rv = length == NULL || (data == NULL && data_length > 0) ? CKR_ARGUMENTS_BAD : CKR_OK;
  if (rv == CKR_OK && (digest == NULL || *length < size)) {
    *length = size;
    return digest == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
  }
  if (rv == CKR_OK && data_length > 0 && EVP_DigestUpdate(operation->digest, data, data_length) != 1)
    rv = CKR_HOST_MEMORY;
  if (rv == CKR_OK && EVP_DigestFinal_ex(operation->digest, digest, NULL) != 1) rv = CKR_HOST_MEMORY;
  if (rv == CKR_OK) *length = size;
  operation_end(operation);
  return rv;
}

CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pDigest,
               CK_ULONG *pulDigestLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct operation *operation = &call.session->digest;
  if (!operation->active || operation->parts) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  return call_end(&call, finish(operation, pData, ulDataLen, pDigest, pulDigestLen));
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct operation *operation = &call.session->digest;
  if (!operation->active) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  operation->parts = true;
  if (pPart == NULL && ulPartLen > 0) rv = CKR_ARGUMENTS_BAD;
  else if (ulPartLen > 0 && EVP_DigestUpdate(operation->digest, pPart, ulPartLen) != 1) rv = CKR_HOST_MEMORY;
  if (rv != CKR_OK) operation_end(operation);
  return call_end(&call, rv);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pDigest, CK_ULONG *pulDigestLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct operation *operation = &call.session->digest;
  if (!operation->active) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  return call_end(&call, finish(operation, NULL, 0, pDigest, pulDigestLen));
}
