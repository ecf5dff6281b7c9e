#include "call.h"

CK_RV call_begin(struct call *call, CK_SESSION_HANDLE session) {
  call->library = process_enter();
  if (call->library == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  call->session = session_acquire(call->library, session);
  if (call->session == NULL) {
    process_leave();
    return CKR_SESSION_HANDLE_INVALID;
  }
  pthread_mutex_lock(&call->session->lock);
  return CKR_OK;
}

CK_RV call_end(struct call *call, CK_RV rv) {
  struct session *session = call->session;
  pthread_mutex_unlock(&session->lock);
  if (session->closed && atomic_exchange(&session->has_objects, false)) {
    session_close_objects(call->library, session->handle);
    if (rv == CKR_OK) rv = CKR_SESSION_CLOSED;
  }
  session_release(session);
  process_leave();
  return rv;
}
