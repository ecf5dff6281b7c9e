/* Key management (PKCS#11 5.18): generation of keys and key pairs. */

#include "appliance.h"
#include "created.h"
#include "key_call.h"
#include "template.h"

/* The primes of a large RSA key may take minutes. */
enum { GENERATE_MS = 600000 };

static CK_RV generate_key(struct call *call, const CK_MECHANISM *mechanism, const CK_ATTRIBUTE *attributes,
                          CK_ULONG count, CK_OBJECT_HANDLE *handle) {
  struct key_call key_call;
  CK_RV rv = created_check(call, attributes, count, handle);
  if (rv == CKR_OK) rv = key_call_begin_generation(call, &key_call, CKF_GENERATE, mechanism);
  if (rv != CKR_OK) return rv;
  struct request *request = created_request(call, RPC_SECRET_KEY_GENERATE);
  if (request == NULL) {
    rv = CKR_HOST_MEMORY;
  } else {
    request->timeout_ms = GENERATE_MS;
    key_call_put(request, &key_call);
    template_put(&request->message, attributes, count);
    rv = created_finish(call, request, handle);
  }
  key_call_end(&key_call);
  return rv;
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount,
                    CK_OBJECT_HANDLE *phKey) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, generate_key(&call, pMechanism, pTemplate, ulCount, phKey));
}

struct half {
  const CK_ATTRIBUTE *attributes;
  CK_ULONG count;
  CK_OBJECT_HANDLE *handle;
};

/* The mechanism as the appliance knows it: GnuTLS 3.7 generates Edwards keys with CKM_EDDSA. */
static const struct mechanism *pair_mechanism(CK_MECHANISM_TYPE type) {
  return mechanism_find(type == CKM_EDDSA ? CKM_EC_EDWARDS_KEY_PAIR_GEN : type, CKF_GENERATE_KEY_PAIR);
}

static CK_RV take_pair(struct call *call, const struct request *request, const struct half *public,
                       const struct half *private) {
  struct xdr_reader results = request_results(request);
  CK_OBJECT_HANDLE public_handle, private_handle;
  CK_RV rv = created_take(call, &results, &public_handle);
  if (rv == CKR_OK) rv = created_take(call, &results, &private_handle);
  if (rv != CKR_OK) return rv;
  *public->handle = public_handle;
  *private->handle = private_handle;
  return CKR_OK;
}

static CK_RV generate_pair(struct call *call, const CK_MECHANISM *mechanism, const struct half *public,
                           const struct half *private) {
  if (mechanism == NULL) return CKR_ARGUMENTS_BAD;
  const struct mechanism *known = pair_mechanism(mechanism->mechanism);
  if (known == NULL) return CKR_MECHANISM_INVALID;
  CK_RV rv = created_check(call, public->attributes, public->count, public->handle);
  if (rv == CKR_OK) rv = created_check(call, private->attributes, private->count, private->handle);
  if (rv != CKR_OK) return rv;
  struct request *request = created_request(call, RPC_KEY_PAIR_GENERATE);
  if (request == NULL) return CKR_HOST_MEMORY;
  request->timeout_ms = GENERATE_MS;
  xdr_put_u32(&request->message, (uint32_t)known->type);
  /* None of these mechanisms has a parameter; what the caller left there is not looked at. */
  xdr_put_opaque(&request->message, NULL, 0);
  template_put(&request->message, public->attributes, public->count);
  template_put(&request->message, private->attributes, private->count);
  rv = appliance_call(call->library, request, CALL_NORMAL);
  if (rv == CKR_OK) rv = take_pair(call, request, public, private);
  request_release(&call->library->requests, request);
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
  return call_end(&call, generate_pair(&call, pMechanism, &public, &private));
}
