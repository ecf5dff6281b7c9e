/* Session management (PKCS#11 5.6). */

#include "appliance.h"
#include "call.h"

enum { SLOT = 0, CLOSE_MS = 5000 };

static CK_RV open_session(struct library *library, CK_FLAGS flags, CK_SESSION_HANDLE *handle) {
  bool writable = (flags & CKF_RW_SESSION) != 0;
  if (handle == NULL) return CKR_ARGUMENTS_BAD;
  if ((flags & CKF_SERIAL_SESSION) == 0) return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
  if (!writable && login_user(library) == CKU_SO) return CKR_SESSION_READ_WRITE_SO_EXISTS;
  CK_RV rv = token_meet(library);
  if (rv != CKR_OK) return rv;
  return session_open(library, writable, handle);
}

CK_RV C_OpenSession(CK_SLOT_ID slotID, CK_FLAGS flags, void *pApplication, CK_NOTIFY Notify,
                    CK_SESSION_HANDLE *phSession) {
  (void)pApplication, (void)Notify; /* there is nothing to notify about */
  struct library *library = process_enter();
  if (library == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  CK_RV rv = slotID == SLOT ? open_session(library, flags, phSession) : CKR_SLOT_ID_INVALID;
  process_leave();
  return rv;
}

void session_close_objects(struct library *library, CK_SESSION_HANDLE session) {
  object_table_drop_session_objects(library, session);
  struct request *request = request_new(&library->requests, RPC_SESSION_CLOSE);
  if (request == NULL) return;
  xdr_put_u32(&request->message, (uint32_t)session);
  request->timeout_ms = CLOSE_MS;
  /* The appliance forgets them by itself when it has lost us. */
  appliance_call(library, request, CALL_IF_CONNECTED);
  request_release(&library->requests, request);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE hSession) {
  struct library *library = process_enter();
  if (library == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  struct session *session = hSession == 0 ? NULL : session_take(library, hSession);
  if (session != NULL) {
    if (atomic_exchange(&session->has_objects, false)) session_close_objects(library, hSession);
    session_release(session);
    logout_if_idle(library);
  }
  process_leave();
  return session == NULL ? CKR_SESSION_HANDLE_INVALID : CKR_OK;
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slotID) {
  struct library *library = process_enter();
  if (library == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (slotID == SLOT) {
    struct session *session;
    bool objects = false;
    while ((session = session_take(library, 0)) != NULL) {
      objects = atomic_exchange(&session->has_objects, false) || objects;
      session_release(session);
    }
    if (objects) session_close_objects(library, 0);
    logout_if_idle(library);
  }
  process_leave();
  return slotID == SLOT ? CKR_OK : CKR_SLOT_ID_INVALID;
}

static CK_STATE state_of(const struct session *session, CK_USER_TYPE user) {
  if (user == CKU_SO) return CKS_RW_SO_FUNCTIONS;
  if (user == CKU_USER) return session->writable ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
  return session->writable ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE hSession, CK_SESSION_INFO *pInfo) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  if (pInfo == NULL) return call_end(&call, CKR_ARGUMENTS_BAD);
  CK_FLAGS flags = CKF_SERIAL_SESSION | (call.session->writable ? CKF_RW_SESSION : 0);
  *pInfo = (CK_SESSION_INFO){.slotID = SLOT, .state = state_of(call.session, login_user(call.library)), .flags = flags};
  return call_end(&call, CKR_OK);
}

static CK_RV log_in(struct call *call, CK_USER_TYPE user, const CK_UTF8CHAR *pin, CK_ULONG length) {
  if (pin == NULL && length > 0) return CKR_ARGUMENTS_BAD;
  if (user == CKU_CONTEXT_SPECIFIC) {
    struct operation *operation = session_locked_operation(call->session);
    if (operation == NULL) return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = login_for_key(call->library, operation->uuid, pin, length);
    if (rv == CKR_OK) operation->locked = false;
    return rv;
  }
  if (user != CKU_USER && user != CKU_SO) return CKR_USER_TYPE_INVALID;
  return login_now(call->library, user, pin, length);
}

CK_RV C_Login(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, log_in(&call, userType, pPin, ulPinLen));
}

/* The token has one user of each type, so the name says nothing that the type does not (PKCS#11 3.0, 5.6.9). */
CK_RV C_LoginUser(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen,
                  CK_UTF8CHAR *pUsername, CK_ULONG ulUsernameLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  if (pUsername == NULL && ulUsernameLen > 0) return call_end(&call, CKR_ARGUMENTS_BAD);
  return call_end(&call, log_in(&call, userType, pPin, ulPinLen));
}

CK_RV C_Logout(CK_SESSION_HANDLE hSession) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, logout_now(call.library));
}
