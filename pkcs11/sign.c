/* Signing (PKCS#11 5.13): digests are computed here, the signature costs one round trip. */

#include "sign.h"

#include <string.h>

#include "appliance.h"

CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  return operation_init(hSession, OPERATION_SIGN, pMechanism, hKey);
}

CK_RV answer_length(size_t needed, const CK_BYTE *output, CK_ULONG *length, bool *answered) {
  *answered = output == NULL || *length < needed;
  if (!*answered) return CKR_OK;
  *length = needed;
  return output == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

CK_RV sign_input(struct call *call, const struct operation *operation, const struct raw_input *input,
                 CK_BYTE *signature, CK_ULONG *length) {
  struct library *library = call->library;
  struct request *request = operation_request(library, operation, RPC_SIGN);
  if (request == NULL) return CKR_HOST_MEMORY;
  xdr_put_opaque(&request->message, input->bytes, input->length);
  CK_RV rv = operation_send(library, request);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    size_t size;
    const uint8_t *bytes = xdr_get_opaque(&results, operation->signature_length, &size);
    if (bytes == NULL || size != operation->signature_length) {
      rv = appliance_malformed(library);
    } else {
      memcpy(signature, bytes, size);
      *length = size;
    }
  }
  request_release(&library->requests, request);
  return rv;
}

static CK_RV sign_whole(struct call *call, struct operation *operation, const CK_BYTE *data, CK_ULONG data_length,
                        CK_BYTE *signature, CK_ULONG *length) {
  struct raw_input input;
  bool answered;
  if (operation->parts) return CKR_OPERATION_NOT_INITIALIZED;
  CK_RV rv = length == NULL || (data == NULL && data_length > 0) ? CKR_ARGUMENTS_BAD : CKR_OK;
  if (rv == CKR_OK) {
    rv = answer_length(operation->signature_length, signature, length, &answered);
    if (answered) return rv;
    rv = operation_input(call, operation, data, data_length, &input);
  }
  if (rv == CKR_OK) rv = sign_input(call, operation, &input, signature, length);
  operation_end(operation);
  return rv;
}

CK_RV sign_at_once(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_BYTE *data, CK_ULONG data_length,
                   CK_BYTE *signature, CK_ULONG *length) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, session, kind, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, sign_whole(&call, operation, data, data_length, signature, length));
}

CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen, CK_BYTE *pSignature,
             CK_ULONG *pulSignatureLen) {
  return sign_at_once(hSession, OPERATION_SIGN, pData, ulDataLen, pSignature, pulSignatureLen);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, hSession, OPERATION_SIGN, &operation);
  if (rv != CKR_OK) return rv;
  rv = operation_update(&call, operation, pPart, ulPartLen);
  if (rv != CKR_OK) operation_end(operation);
  return call_end(&call, rv);
}

static CK_RV sign_final(struct call *call, struct operation *operation, CK_BYTE *signature, CK_ULONG *length) {
  struct raw_input input;
  bool answered;
  CK_RV rv = length == NULL ? CKR_ARGUMENTS_BAD : CKR_OK;
  if (rv == CKR_OK) {
    rv = answer_length(operation->signature_length, signature, length, &answered);
    if (answered) return rv;
    rv = operation_update(call, operation, NULL, 0);
  }
  if (rv == CKR_OK) rv = operation_final_input(operation, &input);
  if (rv == CKR_OK) rv = sign_input(call, operation, &input, signature, length);
  operation_end(operation);
  return rv;
}

CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, hSession, OPERATION_SIGN, &operation);
  if (rv != CKR_OK) return rv;
  return call_end(&call, sign_final(&call, operation, pSignature, pulSignatureLen));
}
