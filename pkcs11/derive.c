/* Deriving keys (PKCS#11 5.18.5), and key encapsulation (C_EncapsulateKey and C_DecapsulateKey of 3.2). */

#include <string.h>

#include "appliance.h"
#include "created.h"
#include "key_call.h"
#include "key_sizes.h"
#include "sign.h"
#include "template.h"

enum { CIPHERTEXT_MAX = 65536 };

/* Sends a request that makes a key from another one: `ciphertext` only for a decapsulation. */
static CK_RV make(struct call *call, uint32_t function, const struct key_call *from, const CK_BYTE *ciphertext,
                  CK_ULONG length, const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *handle) {
  struct request *request = created_request(call, function);
  if (request == NULL) return CKR_HOST_MEMORY;
  key_call_put(request, from);
  if (function == RPC_DECAPSULATE) xdr_put_opaque(&request->message, ciphertext, length);
  template_put(&request->message, attributes, count);
  CK_RV rv = created_finish(call, request, handle);
  return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hBaseKey,
                  CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE *phKey) {
  struct call call;
  struct key_call base;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  rv = created_check(&call, pTemplate, ulCount, phKey);
  if (rv == CKR_OK) rv = key_call_begin(&call, &base, CKF_DERIVE, pMechanism, hBaseKey, CKR_KEY_HANDLE_INVALID);
  if (rv != CKR_OK) return call_end(&call, rv);
  rv = make(&call, RPC_DERIVE, &base, NULL, 0, pTemplate, ulCount, phKey);
  key_call_end(&base);
  return call_end(&call, rv);
}

CK_RV C_DecapsulateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hPrivateKey,
                       CK_ATTRIBUTE *pTemplate, CK_ULONG ulAttributeCount, CK_BYTE *pCiphertext,
                       CK_ULONG ulCiphertextLen, CK_OBJECT_HANDLE *phKey) {
  struct call call;
  struct key_call private;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  rv = pCiphertext == NULL ? CKR_ARGUMENTS_BAD : created_check(&call, pTemplate, ulAttributeCount, phKey);
  if (rv == CKR_OK)
    rv = key_call_begin(&call, &private, CKF_DECAPSULATE, pMechanism, hPrivateKey, CKR_KEY_HANDLE_INVALID);
  if (rv != CKR_OK) return call_end(&call, rv);
  if (ulCiphertextLen != ciphertext_length(private.facts)) rv = CKR_WRAPPED_KEY_LEN_RANGE;
  if (rv == CKR_OK)
    rv = make(&call, RPC_DECAPSULATE, &private, pCiphertext, ulCiphertextLen, pTemplate, ulAttributeCount, phKey);
  key_call_end(&private);
  return call_end(&call, rv);
}

static CK_RV encapsulate(struct call *call, const struct key_call *public, const CK_ATTRIBUTE *attributes,
                         CK_ULONG count, CK_BYTE *ciphertext, CK_ULONG *length, CK_OBJECT_HANDLE *handle) {
  size_t needed = ciphertext_length(public->facts), size;
  bool answered;
  if (needed == 0) return CKR_KEY_TYPE_INCONSISTENT;
  CK_RV rv = answer_length(needed, ciphertext, length, &answered);
  if (answered) return rv;
  struct request *request = created_request(call, RPC_ENCAPSULATE);
  if (request == NULL) return CKR_HOST_MEMORY;
  key_call_put(request, public);
  template_put(&request->message, attributes, count);
  rv = appliance_call(call->library, request, CALL_NORMAL);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    CK_OBJECT_HANDLE made;
    const uint8_t *bytes = xdr_get_opaque(&results, CIPHERTEXT_MAX, &size);
    rv = bytes == NULL || size != needed ? appliance_malformed(call->library) : created_take(call, &results, &made);
    if (rv == CKR_OK) {
      memcpy(ciphertext, bytes, size);
      *length = size;
      *handle = made;
    }
  }
  request_release(&call->library->requests, request);
  return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

CK_RV C_EncapsulateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hPublicKey,
                       CK_ATTRIBUTE *pTemplate, CK_ULONG ulAttributeCount, CK_BYTE *pCiphertext,
                       CK_ULONG *pulCiphertextLen, CK_OBJECT_HANDLE *phKey) {
  struct call call;
  struct key_call public;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  /* A length query makes no key and needs no place for its handle. */
  CK_OBJECT_HANDLE none, *handle = phKey == NULL && pCiphertext == NULL ? &none : phKey;
  rv = pulCiphertextLen == NULL ? CKR_ARGUMENTS_BAD : created_check(&call, pTemplate, ulAttributeCount, handle);
  if (rv == CKR_OK) rv = key_call_begin(&call, &public, CKF_ENCAPSULATE, pMechanism, hPublicKey, CKR_KEY_HANDLE_INVALID);
  if (rv != CKR_OK) return call_end(&call, rv);
  rv = encapsulate(&call, &public, pTemplate, ulAttributeCount, pCiphertext, pulCiphertextLen, handle);
  key_call_end(&public);
  return call_end(&call, rv);
}
