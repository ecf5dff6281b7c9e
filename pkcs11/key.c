/* Key management (PKCS#11 5.18): generation of key pairs. */

#include "appliance.h"
#include "call.h"
#include "created.h"
#include "mechanism.h"
#include "template.h"

/* The primes of a large RSA key may take minutes. */
enum { GENERATE_MS = 600000 };

struct half {
  const CK_ATTRIBUTE *attributes;
  CK_ULONG count;
  CK_OBJECT_HANDLE *handle;
};

static CK_RV check_half(const struct call *call, const struct half *half) {
  if (half->handle == NULL) return CKR_ARGUMENTS_BAD;
  CK_RV rv = template_check(half->attributes, half->count);
  if (rv != CKR_OK) return rv;
  bool token = template_flag(half->attributes, half->count, CKA_TOKEN, false);
  return token && !call->session->writable ? CKR_SESSION_READ_ONLY : CKR_OK;
}

static CK_RV generate(struct call *call, const CK_MECHANISM *mechanism, const struct half *public,
                      const struct half *private) {
  struct library *library = call->library;
  if (mechanism == NULL) return CKR_ARGUMENTS_BAD;
  const struct mechanism *known = mechanism_find(mechanism->mechanism, USE_GENERATE);
  if (known == NULL) return CKR_MECHANISM_INVALID;
  CK_RV rv = check_half(call, public);
  if (rv == CKR_OK) rv = check_half(call, private);
  if (rv != CKR_OK) return rv;

  struct request *request = request_new(&library->requests, RPC_KEY_PAIR_GENERATE);
  if (request == NULL) return CKR_HOST_MEMORY;
  request->timeout_ms = GENERATE_MS;
  if (!created_put_header(library, request, call->session)) rv = CKR_HOST_MEMORY;
  CK_MECHANISM_TYPE type = known->type == CKM_EDDSA ? CKM_EC_EDWARDS_KEY_PAIR_GEN : known->type;
  xdr_put_u32(&request->message, (uint32_t)type);
  /* None of these mechanisms has a parameter; what the caller left there is not looked at. */
  xdr_put_opaque(&request->message, NULL, 0);
  template_put(&request->message, public->attributes, public->count);
  template_put(&request->message, private->attributes, private->count);
  if (rv == CKR_OK) rv = appliance_call(library, request, CALL_NORMAL);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    CK_OBJECT_HANDLE public_handle, private_handle;
    rv = created_take(call, &results, &public_handle);
    if (rv == CKR_OK) rv = created_take(call, &results, &private_handle);
    if (rv == CKR_OK) {
      *public->handle = public_handle;
      *private->handle = private_handle;
    }
  }
  request_release(&library->requests, request);
  return rv;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_ATTRIBUTE *pPublicKeyTemplate,
                        CK_ULONG ulPublicKeyAttributeCount, CK_ATTRIBUTE *pPrivateKeyTemplate,
                        CK_ULONG ulPrivateKeyAttributeCount, CK_OBJECT_HANDLE *phPublicKey,
                        CK_OBJECT_HANDLE *phPrivateKey) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct half public = {pPublicKeyTemplate, ulPublicKeyAttributeCount, phPublicKey};
  struct half private = {pPrivateKeyTemplate, ulPrivateKeyAttributeCount, phPrivateKey};
  return call_end(&call, generate(&call, pMechanism, &public, &private));
}
