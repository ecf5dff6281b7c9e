/* PIN functions (PKCS#11 5.5.7 to 5.5.9). PINs and the label are bytes with a length, not strings; none is ever logged. */

#include "appliance.h"
#include "call.h"

enum { SLOT = 0, LABEL = 32 };

static CK_RV initialize_token(struct library *library, const CK_UTF8CHAR *pin, CK_ULONG length,
                              const CK_UTF8CHAR *label) {
  CK_ULONG read_only, writable;
  CK_RV rv = label == NULL ? CKR_ARGUMENTS_BAD : login_check_pin(pin, length, CKR_PIN_INCORRECT);
  if (rv != CKR_OK) return rv;
  session_count(library, &read_only, &writable);
  if (read_only + writable > 0) return CKR_SESSION_EXISTS;
  /* It may erase all keys, so it is sent once only; a connection that died unnoticed is found out about before. */
  rv = token_ask(library);
  if (rv != CKR_OK) return rv;
  struct request *request = login_secret_request(library, RPC_TOKEN_INITIALIZE);
  if (request == NULL) return CKR_HOST_MEMORY;
  request->once = true;
  /* Padded with blanks (PKCS#11 5.5.7). */
  size_t label_length = LABEL;
  while (label_length > 0 && label[label_length - 1] == ' ') label_length--;
  xdr_put_opaque(&request->message, pin, length);
  xdr_put_opaque(&request->message, label, label_length);
  rv = appliance_call(library, request, CALL_NORMAL);
  request_release(&library->requests, request);
  token_forget(library);
  return rv;
}

CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen, CK_UTF8CHAR *pLabel) {
  struct library *library = process_enter();
  if (library == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  CK_RV rv = slotID == SLOT ? initialize_token(library, pPin, ulPinLen, pLabel) : CKR_SLOT_ID_INVALID;
  process_leave();
  return rv;
}

/* The security officer sets the PIN of the user. */
static CK_RV set_user_pin(struct library *library, const CK_UTF8CHAR *pin, CK_ULONG length) {
  if (login_user(library) != CKU_SO) return CKR_USER_NOT_LOGGED_IN;
  CK_RV rv = login_check_pin(pin, length, CKR_PIN_LEN_RANGE);
  if (rv != CKR_OK) return rv;
  struct request *request = login_secret_request(library, RPC_SET_PIN);
  if (request == NULL) return CKR_HOST_MEMORY;
  xdr_put_u32(&request->message, HAL_USER_NORMAL);
  xdr_put_opaque(&request->message, pin, length);
  rv = appliance_call(library, request, CALL_NORMAL);
  request_release(&library->requests, request);
  token_forget(library);
  return rv;
}

CK_RV C_InitPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, set_user_pin(call.library, pPin, ulPinLen));
}

CK_RV C_SetPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pOldPin, CK_ULONG ulOldLen, CK_UTF8CHAR *pNewPin,
               CK_ULONG ulNewLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  if (!call.session->writable) return call_end(&call, CKR_SESSION_READ_ONLY);
  return call_end(&call, login_change_pin(call.library, pOldPin, ulOldLen, pNewPin, ulNewLen));
}
