/* Message-based signing and verifying (PKCS#11 3.0, 5.13 and 5.15): many messages under one Init. */

#include "sign.h"

/* A call in the middle of a message-based operation. */
static CK_RV begin(struct call *call, CK_SESSION_HANDLE session, enum operation_kind kind,
                   struct operation **operation) {
  CK_RV rv = call_begin(call, session);
  if (rv != CKR_OK) return rv;
  *operation = &call->session->operations[kind];
  return (*operation)->active ? CKR_OK : call_end(call, CKR_OPERATION_NOT_INITIALIZED);
}

/* Ready for the next message. */
static CK_RV end_message(struct call *call, struct operation *operation, CK_RV rv) {
  enum digest digest = operation->mechanism->digest;
  operation->in_message = false;
  buffer_wipe(&operation->data);
  if (digest != DIGEST_NONE && !digest_begin(call->library, digest, &operation->digest)) {
    operation_end(operation);
    return CKR_HOST_MEMORY;
  }
  return rv;
}

/* The PIN of a key that wants it for each use. */
static void lock_again(struct operation *operation) {
  operation->locked = facts_number(operation->facts, CKA_CLASS) == CKO_PRIVATE_KEY &&
                      facts_flag(operation->facts, CKA_ALWAYS_AUTHENTICATE);
}

static CK_RV begin_message(struct call *call, CK_SESSION_HANDLE session, enum operation_kind kind) {
  struct operation *operation;
  CK_RV rv = begin(call, session, kind, &operation);
  if (rv != CKR_OK) return rv;
  rv = operation->in_message ? CKR_OPERATION_ACTIVE : operation_check_login(call, operation);
  if (rv == CKR_OK) operation->in_message = true;
  return call_end(call, rv);
}

static CK_RV final_call(CK_SESSION_HANDLE session, enum operation_kind kind) {
  struct call call;
  struct operation *operation;
  CK_RV rv = begin(&call, session, kind, &operation);
  if (rv != CKR_OK) return rv;
  operation_end(operation);
  return call_end(&call, CKR_OK);
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, operation_begin(&call, OPERATION_MESSAGE_SIGN, pMechanism, hKey));
}

/* Signs `data` behind what was collected. */
static CK_RV sign_message(struct call *call, struct operation *operation, const CK_BYTE *data, CK_ULONG length,
                          CK_BYTE *signature, CK_ULONG *signature_length) {
  struct raw_input input;
  bool answered;
  if (data == NULL && length > 0) return end_message(call, operation, CKR_ARGUMENTS_BAD);
  CK_RV rv = answer_length(operation->signature_length, signature, signature_length, &answered);
  if (answered) return rv;
  rv = operation_update(call, operation, data, length);
  if (rv == CKR_OK) rv = operation_final_input(operation, &input);
  if (rv == CKR_OK) rv = sign_input(call, operation, &input, signature, signature_length);
  if (rv == CKR_OK) lock_again(operation);
  return end_message(call, operation, rv);
}

/* No mechanism has a parameter for each message: what is given is not looked at. */
CK_RV C_SignMessage(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                    CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen) {
  struct call call;
  struct operation *operation;
  (void)pParameter, (void)ulParameterLen;
  CK_RV rv = begin(&call, hSession, OPERATION_MESSAGE_SIGN, &operation);
  if (rv != CKR_OK) return rv;
  if (operation->in_message) return call_end(&call, CKR_OPERATION_ACTIVE);
  if (pulSignatureLen == NULL) return call_end(&call, CKR_ARGUMENTS_BAD);
  return call_end(&call, sign_message(&call, operation, pData, ulDataLen, pSignature, pulSignatureLen));
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen) {
  struct call call;
  (void)pParameter, (void)ulParameterLen;
  return begin_message(&call, hSession, OPERATION_MESSAGE_SIGN);
}

/* Without a place for the length of the signature, more parts will come. */
CK_RV C_SignMessageNext(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                        CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen) {
  struct call call;
  struct operation *operation;
  (void)pParameter, (void)ulParameterLen;
  CK_RV rv = begin(&call, hSession, OPERATION_MESSAGE_SIGN, &operation);
  if (rv != CKR_OK) return rv;
  if (!operation->in_message) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  if (pulSignatureLen != NULL)
    return call_end(&call, sign_message(&call, operation, pData, ulDataLen, pSignature, pulSignatureLen));
  rv = operation_update(&call, operation, pData, ulDataLen);
  return call_end(&call, rv == CKR_OK ? rv : end_message(&call, operation, rv));
}

CK_RV C_MessageSignFinal(CK_SESSION_HANDLE hSession) { return final_call(hSession, OPERATION_MESSAGE_SIGN); }

CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, operation_begin(&call, OPERATION_MESSAGE_VERIFY, pMechanism, hKey));
}

static CK_RV verify_message(struct call *call, struct operation *operation, const CK_BYTE *data, CK_ULONG length,
                            const CK_BYTE *signature, CK_ULONG signature_length) {
  struct raw_input input;
  CK_RV rv = operation_update(call, operation, data, length);
  if (rv == CKR_OK) rv = operation_final_input(operation, &input);
  if (rv == CKR_OK) rv = verify_input(call, operation, &input, signature, signature_length);
  return end_message(call, operation, rv);
}

CK_RV C_VerifyMessage(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                      CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
  struct call call;
  struct operation *operation;
  (void)pParameter, (void)ulParameterLen;
  CK_RV rv = begin(&call, hSession, OPERATION_MESSAGE_VERIFY, &operation);
  if (rv != CKR_OK) return rv;
  if (operation->in_message) return call_end(&call, CKR_OPERATION_ACTIVE);
  if (pSignature == NULL) return call_end(&call, CKR_ARGUMENTS_BAD);
  return call_end(&call, verify_message(&call, operation, pData, ulDataLen, pSignature, ulSignatureLen));
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen) {
  struct call call;
  (void)pParameter, (void)ulParameterLen;
  return begin_message(&call, hSession, OPERATION_MESSAGE_VERIFY);
}

/* Without a signature, more parts will come. */
CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                          CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
  struct call call;
  struct operation *operation;
  (void)pParameter, (void)ulParameterLen;
  CK_RV rv = begin(&call, hSession, OPERATION_MESSAGE_VERIFY, &operation);
  if (rv != CKR_OK) return rv;
  if (!operation->in_message) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  if (pSignature != NULL)
    return call_end(&call, verify_message(&call, operation, pData, ulDataLen, pSignature, ulSignatureLen));
  rv = operation_update(&call, operation, pData, ulDataLen);
  return call_end(&call, rv == CKR_OK ? rv : end_message(&call, operation, rv));
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE hSession) { return final_call(hSession, OPERATION_MESSAGE_VERIFY); }
