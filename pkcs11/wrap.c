/* Wrapping and unwrapping keys (PKCS#11 5.18.3 and 5.18.4, and the authenticated functions of 3.2). */

#include <string.h>

#include "appliance.h"
#include "created.h"
#include "key_call.h"
#include "key_sizes.h"
#include "sign.h"
#include "template.h"

enum { WRAPPED_MAX = 65536 };

/*
 * An upper bound of the wrapped key, exact for secret keys; 0 if it cannot be told. So a length query costs no request and no
 * use of the key.
 */
static size_t wrapped_bound(const struct key_call *with, const struct facts *key) {
  size_t plain = wrapped_plaintext_bound(key), modulus = modulus_length(with->facts);
  size_t eighths = (plain + 7) / 8 * 8 + 8;
  if (plain == 0) return 0;
  switch (with->mechanism->type) {
    case CKM_RSA_PKCS:
    case CKM_RSA_PKCS_OAEP:
      return modulus;
    case CKM_RSA_AES_KEY_WRAP:
      return modulus == 0 ? 0 : modulus + eighths;
    case CKM_AES_KEY_WRAP:
    case CKM_AES_KEY_WRAP_PAD:
    case CKM_AES_KEY_WRAP_KWP:
      return eighths;
    default:
      return 0;
  }
}

static CK_RV ask(struct call *call, const struct key_call *with, const uint8_t uuid[16], CK_BYTE *wrapped,
                 CK_ULONG *length) {
  struct library *library = call->library;
  struct request *request = request_new(&library->requests, RPC_WRAP);
  if (request == NULL) return CKR_HOST_MEMORY;
  key_call_put(request, with);
  xdr_put_uuid(&request->message, uuid);
  CK_RV rv = appliance_call(library, request, CALL_NORMAL);
  if (rv == CKR_OBJECT_HANDLE_INVALID) rv = CKR_KEY_HANDLE_INVALID;
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    size_t size;
    bool answered;
    const uint8_t *bytes = xdr_get_opaque(&results, WRAPPED_MAX, &size);
    rv = bytes == NULL ? appliance_malformed(library) : answer_length(size, wrapped, length, &answered);
    if (bytes != NULL && !answered) {
      memcpy(wrapped, bytes, size);
      *length = size;
    }
  }
  request_release(&library->requests, request);
  return rv;
}

static CK_RV wrap(struct call *call, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
                  CK_BYTE *wrapped, CK_ULONG *length) {
  struct key_call with;
  struct object_view view;
  if (length == NULL) return CKR_ARGUMENTS_BAD;
  CK_RV rv = key_call_begin(call, &with, CKF_WRAP, mechanism, wrapping, CKR_WRAPPING_KEY_HANDLE_INVALID);
  if (rv != CKR_OK) return rv;
  if (object_table_look_up(call->library, key, &view)) {
    size_t bound = wrapped_bound(&with, view.facts);
    bool exact = facts_number(view.facts, CKA_CLASS) == CKO_SECRET_KEY, answered = false;
    /* What is not permitted is refused by the appliance, even to those who only ask for a length. */
    bool permitted = facts_flag(with.facts, CKA_WRAP) && facts_flag(view.facts, CKA_EXTRACTABLE);
    if (permitted && bound > 0 && (exact || wrapped == NULL)) rv = answer_length(bound, wrapped, length, &answered);
    if (!answered) rv = ask(call, &with, view.uuid, wrapped, length);
    facts_release(view.facts);
  } else {
    rv = CKR_KEY_HANDLE_INVALID;
  }
  key_call_end(&with);
  return rv;
}

CK_RV C_WrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hWrappingKey,
                CK_OBJECT_HANDLE hKey, CK_BYTE *pWrappedKey, CK_ULONG *pulWrappedKeyLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, wrap(&call, pMechanism, hWrappingKey, hKey, pWrappedKey, pulWrappedKeyLen));
}

static CK_RV unwrap(struct call *call, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping,
                    const CK_BYTE *wrapped, CK_ULONG length, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                    CK_OBJECT_HANDLE *handle) {
  struct key_call with;
  if (wrapped == NULL) return CKR_ARGUMENTS_BAD;
  if (length == 0 || length > WRAPPED_MAX) return CKR_WRAPPED_KEY_LEN_RANGE;
  CK_RV rv = created_check(call, attributes, count, handle);
  if (rv == CKR_OK)
    rv = key_call_begin(call, &with, CKF_UNWRAP, mechanism, unwrapping, CKR_UNWRAPPING_KEY_HANDLE_INVALID);
  if (rv != CKR_OK) return rv;
  struct request *request = created_request(call, RPC_UNWRAP);
  if (request == NULL) {
    rv = CKR_HOST_MEMORY;
  } else {
    key_call_put(request, &with);
    xdr_put_opaque(&request->message, wrapped, length);
    template_put(&request->message, attributes, count);
    rv = created_finish(call, request, handle);
    if (rv == CKR_OBJECT_HANDLE_INVALID) rv = CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  }
  key_call_end(&with);
  return rv;
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hUnwrappingKey,
                  CK_BYTE *pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount,
                  CK_OBJECT_HANDLE *phKey) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, unwrap(&call, pMechanism, hUnwrappingKey, pWrappedKey, ulWrappedKeyLen, pTemplate, ulCount,
                                phKey));
}
