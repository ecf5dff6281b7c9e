/* Random numbers (PKCS#11 5.19) come from the appliance. */

#include <string.h>

#include "appliance.h"
#include "call.h"

static CK_RV fill(struct library *library, CK_BYTE *bytes, CK_ULONG length) {
  CK_RV rv = CKR_OK;
  while (length > 0 && rv == CKR_OK) {
    uint32_t part = length < LIMIT_RANDOM ? (uint32_t)length : LIMIT_RANDOM;
    struct request *request = request_new(&library->requests, RPC_GET_RANDOM);
    if (request == NULL) return CKR_HOST_MEMORY;
    request->secret = true;
    xdr_put_u32(&request->message, part);
    rv = appliance_call(library, request, CALL_NORMAL);
    if (rv == CKR_OK) {
      struct xdr_reader results = request_results(request);
      size_t got;
      const uint8_t *random = xdr_get_opaque(&results, part, &got);
      if (random == NULL || got != part) rv = appliance_malformed(library);
      else memcpy(bytes, random, part);
    }
    request_release(&library->requests, request);
    bytes += part;
    length -= part;
  }
  return rv;
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE hSession, CK_BYTE *pRandomData, CK_ULONG ulRandomLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  if (pRandomData == NULL && ulRandomLen > 0) return call_end(&call, CKR_ARGUMENTS_BAD);
  return call_end(&call, fill(call.library, pRandomData, ulRandomLen));
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE *pSeed, CK_ULONG ulSeedLen) {
  struct call call;
  (void)pSeed, (void)ulSeedLen;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, CKR_RANDOM_SEED_NOT_SUPPORTED);
}
