/* Message digests (PKCS#11 5.12): computed here, no request but for the value of a key. */

#include "digest.h"

#include <string.h>

#include "object_value.h"
#include "offer.h"
#include "sign.h"

static CK_RV begin(struct call *call, const CK_MECHANISM *mechanism) {
  struct operation *operation = &call->session->operations[OPERATION_DIGEST];
  if (mechanism == NULL) {
    CK_RV rv = operation->active ? CKR_OK : CKR_ARGUMENTS_BAD;
    operation_end(operation);
    return rv;
  }
  if (operation->active) return CKR_OPERATION_ACTIVE;
  /* The parameter is not looked at: some callers leave garbage there. */
  operation->mechanism = mechanism_find(mechanism->mechanism, CKF_DIGEST);
  if (operation->mechanism == NULL || !is_offered(call->library, operation->mechanism)) return CKR_MECHANISM_INVALID;
  operation->active = digest_begin(call->library, operation->mechanism->digest, &operation->digest);
  return operation->active ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, begin(&call, pMechanism));
}

/* Adds `data` and writes the digest, or answers a length query or a short buffer and leaves the operation as it is. */
static CK_RV finish(struct operation *operation, const CK_BYTE *data, CK_ULONG data_length, CK_BYTE *digest,
                    CK_ULONG *length) {
  uint8_t value[DIGEST_MAX];
  size_t size = digest_length(operation->mechanism->digest);
  CK_RV rv = length == NULL || (data == NULL && data_length > 0) ? CKR_ARGUMENTS_BAD : CKR_OK;
  if (rv == CKR_OK) {
    bool answered;
    rv = answer_length(size, digest, length, &answered);
    if (answered) return rv;
  }
  if (rv == CKR_OK && !digest_update(&operation->digest, data, data_length)) rv = CKR_HOST_MEMORY;
  if (rv == CKR_OK && !digest_finish(&operation->digest, value)) rv = CKR_HOST_MEMORY;
  if (rv == CKR_OK) {
    memcpy(digest, value, size);
    *length = size;
  }
  operation_end(operation);
  return rv;
}

CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pDigest,
               CK_ULONG *pulDigestLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, hSession, OPERATION_DIGEST, &operation);
  if (rv != CKR_OK) return rv;
  if (operation->parts) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  return call_end(&call, finish(operation, pData, ulDataLen, pDigest, pulDigestLen));
}

/* SHA-3 is saved as the data itself, as long as that is not too much. */
static void keep(struct operation *operation, const CK_BYTE *part, CK_ULONG length) {
  struct buffer *kept = &operation->data;
  size_t size;
  if (operation->forgotten || digest_plain(&operation->digest, &size) != NULL) return;
  operation->forgotten = length > DIGEST_KEPT - kept->length || !buffer_append(kept, part, length);
  if (operation->forgotten) buffer_wipe(kept);
}

CK_RV digest_part(struct operation *operation, const CK_BYTE *part, CK_ULONG length) {
  CK_RV rv = CKR_OK;
  operation->parts = true;
  if (part == NULL && length > 0) rv = CKR_ARGUMENTS_BAD;
  else if (!digest_update(&operation->digest, part, length)) rv = CKR_HOST_MEMORY;
  if (rv == CKR_OK) keep(operation, part, length);
  else operation_end(operation);
  return rv;
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, hSession, OPERATION_DIGEST, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, digest_part(operation, pPart, ulPartLen));
}

/* The value of a secret key as part of the data, if the key may be read. */
static CK_RV digest_key(struct call *call, struct operation *operation, CK_OBJECT_HANDLE key) {
  struct object_view view;
  if (!object_table_look_up(call->library, key, &view)) return CKR_KEY_HANDLE_INVALID;
  struct facts *values = NULL;
  CK_RV rv = CKR_KEY_INDIGESTIBLE;
  if (facts_number(view.facts, CKA_CLASS) == CKO_SECRET_KEY) rv = object_values(call->library, &view, &values);
  if (rv == CKR_ATTRIBUTE_SENSITIVE) rv = CKR_KEY_INDIGESTIBLE;
  if (rv == CKR_OBJECT_HANDLE_INVALID) rv = CKR_KEY_HANDLE_INVALID;
  if (rv == CKR_OK) {
    const struct attribute *value = facts_find(values, CKA_VALUE);
    rv = value == NULL ? CKR_KEY_INDIGESTIBLE : digest_part(operation, value->value, value->length);
  }
  facts_release(values);
  facts_release(view.facts);
  return rv;
}

CK_RV C_DigestKey(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, hSession, OPERATION_DIGEST, &operation);
  if (rv != CKR_OK) return rv;
  rv = digest_key(&call, operation, hKey);
  if (rv != CKR_OK) operation_end(operation);
  return call_end(&call, rv);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pDigest, CK_ULONG *pulDigestLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, hSession, OPERATION_DIGEST, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, finish(operation, NULL, 0, pDigest, pulDigestLen));
}
