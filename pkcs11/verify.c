/* Verifying (PKCS#11 5.15): done here, the public key is known. The appliance is asked only about keys we cannot use. */

#include "appliance.h"
#include "operation.h"
#include "public_key.h"

CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call,
                  operation_begin(&call, &call.session->verify, pMechanism, hKey, CKO_PUBLIC_KEY, CKA_VERIFY));
}

static CK_RV ask_appliance(struct library *library, const struct operation *operation, const struct raw_input *input,
                           const CK_BYTE *signature, CK_ULONG length) {
  struct request *request = request_new(&library->requests, RPC_VERIFY);
  if (request == NULL) return CKR_HOST_MEMORY;
  xdr_put_uuid(&request->message, operation->uuid);
  xdr_put_u32(&request->message, (uint32_t)operation->mechanism->raw);
  xdr_put_opaque(&request->message, NULL, 0);
  xdr_put_opaque(&request->message, input->bytes, input->length);
  xdr_put_opaque(&request->message, signature, length);
  CK_RV rv = appliance_call(library, request, CALL_NORMAL);
  request_release(&library->requests, request);
  return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

static CK_RV check(struct call *call, const struct operation *operation, const struct raw_input *input,
                   const CK_BYTE *signature, CK_ULONG length) {
  if (length != operation->signature_length) return CKR_SIGNATURE_LEN_RANGE;
  CK_RV rv = verify_signature(call->library, operation->facts, operation->mechanism->raw, input->bytes, input->length,
                              signature, length);
  if (rv == CKR_FUNCTION_NOT_SUPPORTED) rv = ask_appliance(call->library, operation, input, signature, length);
  return rv;
}

CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,
               CK_ULONG ulSignatureLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct operation *operation = &call.session->verify;
  if (!operation->active || operation->parts) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  struct raw_input input;
  rv = pSignature == NULL ? CKR_ARGUMENTS_BAD : operation_input(&call, operation, pData, ulDataLen, &input);
  if (rv == CKR_OK) rv = check(&call, operation, &input, pSignature, ulSignatureLen);
  operation_end(operation);
  return call_end(&call, rv);
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct operation *operation = &call.session->verify;
  if (!operation->active) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  rv = operation_update(&call, operation, pPart, ulPartLen);
  if (rv != CKR_OK) operation_end(operation);
  return call_end(&call, rv);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct operation *operation = &call.session->verify;
  if (!operation->active) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  struct raw_input input;
  rv = pSignature == NULL ? CKR_ARGUMENTS_BAD : operation_update(&call, operation, NULL, 0);
  if (rv == CKR_OK) rv = operation_final_input(operation, &input);
  if (rv == CKR_OK) rv = check(&call, operation, &input, pSignature, ulSignatureLen);
  operation_end(operation);
  return call_end(&call, rv);
}
