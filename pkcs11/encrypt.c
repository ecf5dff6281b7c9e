/* Encryption and decryption (PKCS#11 5.8 and 5.10), and the calls that do two things at once (5.17). */

#include "crypt.h"
#include "digest.h"

#define CRYPT_FUNCTIONS(name, kind, decrypt)                                                                           \
  CK_RV C_##name##Init(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {                  \
    return operation_init(hSession, kind, pMechanism, hKey);                                                           \
  }                                                                                                                    \
  CK_RV C_##name(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pOutput,                     \
                 CK_ULONG *pulOutputLen) {                                                                             \
    struct call call;                                                                                                  \
    struct operation *operation;                                                                                       \
    CK_RV rv = operation_call(&call, hSession, kind, &operation);                                                      \
    if (rv != CKR_OK) return rv;                                                                                       \
    return call_end(&call, crypt_at_once(&call, operation, decrypt, pData, ulDataLen, pOutput, pulOutputLen));         \
  }                                                                                                                    \
  CK_RV C_##name##Update(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen, CK_BYTE *pOutput,             \
                         CK_ULONG *pulOutputLen) {                                                                     \
    struct call call;                                                                                                  \
    struct operation *operation;                                                                                       \
    CK_RV rv = operation_call(&call, hSession, kind, &operation);                                                      \
    if (rv != CKR_OK) return rv;                                                                                       \
    return call_end(&call, crypt_update(&call, operation, decrypt, pPart, ulPartLen, pOutput, pulOutputLen));          \
  }                                                                                                                    \
  CK_RV C_##name##Final(CK_SESSION_HANDLE hSession, CK_BYTE *pOutput, CK_ULONG *pulOutputLen) {                        \
    struct call call;                                                                                                  \
    struct operation *operation;                                                                                       \
    CK_RV rv = operation_call(&call, hSession, kind, &operation);                                                      \
    if (rv != CKR_OK) return rv;                                                                                       \
    return call_end(&call, crypt_final(&call, operation, decrypt, pOutput, pulOutputLen));                             \
  }

CRYPT_FUNCTIONS(Encrypt, OPERATION_ENCRYPT, false)
CRYPT_FUNCTIONS(Decrypt, OPERATION_DECRYPT, true)

/* Adds a part to a digest, a signature or a verification; an error ends it. */
static CK_RV add(struct call *call, struct operation *operation, enum operation_kind kind, const CK_BYTE *part,
                 CK_ULONG length) {
  if (kind == OPERATION_DIGEST) return digest_part(operation, part, length);
  CK_RV rv = operation_update(call, operation, part, length);
  if (rv != CKR_OK) operation_end(operation);
  return rv;
}

/* The other operation of a call that does two things; CKR_OPERATION_NOT_INITIALIZED if either is missing. */
static CK_RV begin_two(struct call *call, CK_SESSION_HANDLE session, enum operation_kind kind,
                       enum operation_kind other_kind, struct operation **operation, struct operation **other) {
  CK_RV rv = operation_call(call, session, kind, operation);
  if (rv != CKR_OK) return rv;
  *other = &call->session->operations[other_kind];
  if ((*other)->active && !(*other)->presented) return CKR_OK;
  return call_end(call, CKR_OPERATION_NOT_INITIALIZED);
}

static CK_RV encrypt_and(struct call *call, struct operation *operation, struct operation *other,
                         enum operation_kind other_kind, const CK_BYTE *part, CK_ULONG length, CK_BYTE *output,
                         CK_ULONG *output_length) {
  crypt_forget_result(operation);
  bool good = output_length != NULL && (part != NULL || length == 0) && length <= SIZE_MAX / 2;
  size_t needed = good ? crypt_update_length(operation, false, length) : 0;
  /* First the plaintext, which the ciphertext may overwrite; but not if this call is only a query. */
  bool query = good && (output == NULL || *output_length < needed);
  CK_RV rv = query || !good ? CKR_OK : add(call, other, other_kind, part, length);
  CK_RV crypt = crypt_update(call, operation, false, part, length, output, output_length);
  if (crypt == CKR_OK && rv != CKR_OK) operation_end(operation);
  if (crypt != CKR_OK && crypt != CKR_BUFFER_TOO_SMALL) operation_end(other);
  return rv == CKR_OK ? crypt : rv;
}

static CK_RV decrypt_and(struct call *call, struct operation *operation, struct operation *other,
                         enum operation_kind other_kind, const CK_BYTE *part, CK_ULONG length, CK_BYTE *output,
                         CK_ULONG *output_length) {
  CK_RV rv = crypt_update(call, operation, true, part, length, output, output_length);
  if (rv == CKR_OK && output != NULL) {
    rv = add(call, other, other_kind, output, *output_length);
    if (rv != CKR_OK) operation_end(operation);
  } else if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL) {
    operation_end(other);
  }
  return rv;
}

#define DUAL_FUNCTION(name, kind, other_kind, function)                                                                \
  CK_RV C_##name(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen, CK_BYTE *pOutput,                     \
                 CK_ULONG *pulOutputLen) {                                                                             \
    struct call call;                                                                                                  \
    struct operation *operation, *other;                                                                               \
    CK_RV rv = begin_two(&call, hSession, kind, other_kind, &operation, &other);                                       \
    if (rv != CKR_OK) return rv;                                                                                       \
    return call_end(&call, function(&call, operation, other, other_kind, pPart, ulPartLen, pOutput, pulOutputLen));    \
  }

DUAL_FUNCTION(DigestEncryptUpdate, OPERATION_ENCRYPT, OPERATION_DIGEST, encrypt_and)
DUAL_FUNCTION(SignEncryptUpdate, OPERATION_ENCRYPT, OPERATION_SIGN, encrypt_and)
DUAL_FUNCTION(DecryptDigestUpdate, OPERATION_DECRYPT, OPERATION_DIGEST, decrypt_and)
DUAL_FUNCTION(DecryptVerifyUpdate, OPERATION_DECRYPT, OPERATION_VERIFY, decrypt_and)
