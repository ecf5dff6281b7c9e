/*
 * Verifying (PKCS#11 5.15, and C_VerifySignature of 3.2): done here where the public key is known and the mechanism is one of
 * the common ones. The appliance is asked about all else.
 */

#include "appliance.h"
#include "public_key.h"
#include "sign.h"

static CK_RV ask_appliance(struct library *library, const struct operation *operation, const struct raw_input *input,
                           const CK_BYTE *signature, CK_ULONG length) {
  struct request *request = operation_request(library, operation, RPC_VERIFY);
  if (request == NULL) return CKR_HOST_MEMORY;
  xdr_put_opaque(&request->message, input->bytes, input->length);
  xdr_put_opaque(&request->message, signature, length);
  CK_RV rv = operation_send(library, request);
  request_release(&library->requests, request);
  return rv;
}

CK_RV verify_input(struct call *call, const struct operation *operation, const struct raw_input *input,
                   const CK_BYTE *signature, CK_ULONG length) {
  if (length != operation->signature_length) return CKR_SIGNATURE_LEN_RANGE;
  CK_RV rv = verify_signature(call->library, operation->facts, operation->mechanism, operation->parameter.length > 0,
                              input->bytes, input->length, signature, length);
  if (rv == CKR_FUNCTION_NOT_SUPPORTED) rv = ask_appliance(call->library, operation, input, signature, length);
  return rv;
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  return operation_init(hSession, OPERATION_VERIFY, pMechanism, hKey);
}

/* A call in the middle of a verification; `presented`: one that was begun with its signature. */
static CK_RV verify_call(struct call *call, CK_SESSION_HANDLE session, bool presented, struct operation **operation) {
  CK_RV rv = operation_call(call, session, OPERATION_VERIFY, operation);
  if (rv != CKR_OK) return rv;
  return (*operation)->presented == presented ? CKR_OK : call_end(call, CKR_OPERATION_NOT_INITIALIZED);
}

static CK_RV verify_at_once(struct call *call, struct operation *operation, const CK_BYTE *data, CK_ULONG data_length,
                            const CK_BYTE *signature, CK_ULONG length) {
  struct raw_input input;
  if (operation->parts) return CKR_OPERATION_NOT_INITIALIZED;
  CK_RV rv = signature == NULL ? CKR_ARGUMENTS_BAD : operation_input(call, operation, data, data_length, &input);
  if (rv == CKR_OK) rv = verify_input(call, operation, &input, signature, length);
  operation_end(operation);
  return rv;
}

static CK_RV verify_update(struct call *call, struct operation *operation, const CK_BYTE *part, CK_ULONG length) {
  CK_RV rv = operation_update(call, operation, part, length);
  if (rv != CKR_OK) operation_end(operation);
  return rv;
}

static CK_RV verify_final(struct call *call, struct operation *operation, const CK_BYTE *signature, CK_ULONG length) {
  struct raw_input input;
  CK_RV rv = signature == NULL ? CKR_ARGUMENTS_BAD : operation_update(call, operation, NULL, 0);
  if (rv == CKR_OK) rv = operation_final_input(operation, &input);
  if (rv == CKR_OK) rv = verify_input(call, operation, &input, signature, length);
  operation_end(operation);
  return rv;
}

CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,
               CK_ULONG ulSignatureLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = verify_call(&call, hSession, false, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, verify_at_once(&call, operation, pData, ulDataLen, pSignature, ulSignatureLen));
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = verify_call(&call, hSession, false, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, verify_update(&call, operation, pPart, ulPartLen));
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = verify_call(&call, hSession, false, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, verify_final(&call, operation, pSignature, ulSignatureLen));
}

static CK_RV begin_presented(struct call *call, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                             const CK_BYTE *signature, CK_ULONG length) {
  struct operation *operation = &call->session->operations[OPERATION_VERIFY];
  if (mechanism != NULL && signature == NULL) return CKR_ARGUMENTS_BAD;
  CK_RV rv = operation_begin(call, OPERATION_VERIFY, mechanism, key);
  if (rv != CKR_OK || mechanism == NULL) return rv;
  operation->presented = true;
  if (length != operation->signature_length) rv = CKR_SIGNATURE_LEN_RANGE;
  else if (!buffer_append(&operation->result, signature, length)) rv = CKR_HOST_MEMORY;
  if (rv != CKR_OK) operation_end(operation);
  return rv;
}

CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey,
                            CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, begin_presented(&call, pMechanism, hKey, pSignature, ulSignatureLen));
}

CK_RV C_VerifySignature(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = verify_call(&call, hSession, true, &operation);
  if (rv != CKR_OK) return rv;
  const struct buffer *signature = &operation->result;
  return call_end(&call, verify_at_once(&call, operation, pData, ulDataLen, signature->bytes, signature->length));
}

CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = verify_call(&call, hSession, true, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, verify_update(&call, operation, pPart, ulPartLen));
}

CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE hSession) {
  struct call call;
  struct operation *operation;
  CK_RV rv = verify_call(&call, hSession, true, &operation);
  if (rv != CKR_OK) return rv;
  const struct buffer *signature = &operation->result;
  return call_end(&call, verify_final(&call, operation, signature->bytes, signature->length));
}
