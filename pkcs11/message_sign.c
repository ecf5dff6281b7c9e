/* Message-based signing and verifying (PKCS#11 3.0, 5.13 and 5.15): many messages under one Init. */

#include "sign.h"

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

static CK_RV begin_message(CK_SESSION_HANDLE session, enum operation_kind kind) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, session, kind, &operation);
  if (rv != CKR_OK) return rv;
  rv = operation->in_message ? CKR_OPERATION_ACTIVE : operation_check_login(&call, operation);
  if (rv == CKR_OK) operation->in_message = true;
  return call_end(&call, rv);
}

static CK_RV final_call(CK_SESSION_HANDLE session, enum operation_kind kind) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, session, kind, &operation);
  if (rv != CKR_OK) return rv;
  operation_end(operation);
  return call_end(&call, CKR_OK);
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

static CK_RV verify_message(struct call *call, struct operation *operation, const CK_BYTE *data, CK_ULONG length,
                            const CK_BYTE *signature, CK_ULONG signature_length) {
  struct raw_input input;
  CK_RV rv = operation_update(call, operation, data, length);
  if (rv == CKR_OK) rv = operation_final_input(operation, &input);
  if (rv == CKR_OK) rv = verify_input(call, operation, &input, signature, signature_length);
  return end_message(call, operation, rv);
}

/*
 * A message, or a part of one that was begun (`in_message`). `signature_length` goes with the signature that is made or
 * checked; without it, more parts will come.
 */
static CK_RV take_message(CK_SESSION_HANDLE session, enum operation_kind kind, bool in_message, const CK_BYTE *data,
                          CK_ULONG length, CK_BYTE *signature, CK_ULONG *signature_length) {
  struct call call;
  struct operation *operation;
  CK_RV rv = operation_call(&call, session, kind, &operation);
  if (rv != CKR_OK) return rv;
  if (operation->in_message != in_message)
    return call_end(&call, in_message ? CKR_OPERATION_NOT_INITIALIZED : CKR_OPERATION_ACTIVE);
  if (signature_length == NULL) {
    if (!in_message) return call_end(&call, CKR_ARGUMENTS_BAD);
    rv = operation_update(&call, operation, data, length);
    return call_end(&call, rv == CKR_OK ? rv : end_message(&call, operation, rv));
  }
  if (kind == OPERATION_MESSAGE_SIGN)
    return call_end(&call, sign_message(&call, operation, data, length, signature, signature_length));
  return call_end(&call, verify_message(&call, operation, data, length, signature, *signature_length));
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  return operation_init(hSession, OPERATION_MESSAGE_SIGN, pMechanism, hKey);
}

/* No mechanism has a parameter for each message: what is given is not looked at. */
CK_RV C_SignMessage(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                    CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen) {
  (void)pParameter, (void)ulParameterLen;
  return take_message(hSession, OPERATION_MESSAGE_SIGN, false, pData, ulDataLen, pSignature, pulSignatureLen);
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen) {
  (void)pParameter, (void)ulParameterLen;
  return begin_message(hSession, OPERATION_MESSAGE_SIGN);
}

CK_RV C_SignMessageNext(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                        CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen) {
  (void)pParameter, (void)ulParameterLen;
  return take_message(hSession, OPERATION_MESSAGE_SIGN, true, pData, ulDataLen, pSignature, pulSignatureLen);
}

CK_RV C_MessageSignFinal(CK_SESSION_HANDLE hSession) { return final_call(hSession, OPERATION_MESSAGE_SIGN); }

CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {
  return operation_init(hSession, OPERATION_MESSAGE_VERIFY, pMechanism, hKey);
}

static CK_RV take_to_verify(CK_SESSION_HANDLE session, bool in_message, const CK_BYTE *data, CK_ULONG length,
                            CK_BYTE *signature, CK_ULONG signature_length) {
  return take_message(session, OPERATION_MESSAGE_VERIFY, in_message, data, length, signature,
                      signature == NULL ? NULL : &signature_length);
}

CK_RV C_VerifyMessage(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                      CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
  (void)pParameter, (void)ulParameterLen;
  return take_to_verify(hSession, false, pData, ulDataLen, pSignature, ulSignatureLen);
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen) {
  (void)pParameter, (void)ulParameterLen;
  return begin_message(hSession, OPERATION_MESSAGE_VERIFY);
}

CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,
                          CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen) {
  (void)pParameter, (void)ulParameterLen;
  return take_to_verify(hSession, true, pData, ulDataLen, pSignature, ulSignatureLen);
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE hSession) { return final_call(hSession, OPERATION_MESSAGE_VERIFY); }
