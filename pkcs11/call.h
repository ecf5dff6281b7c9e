/* The frame of an entry point: is the library initialized, which session, one call at a time per session. */
#ifndef DKS_CALL_H
#define DKS_CALL_H

#include "process.h"

struct call {
  struct library *library;
  struct session *session;
};

/* CKR_OK: the call goes on and ends with call_end; anything else is the result. */
CK_RV call_begin(struct call *call, CK_SESSION_HANDLE session);
/* Returns `rv`, or CKR_SESSION_CLOSED if the call made an object for a session that was closed meanwhile. */
CK_RV call_end(struct call *call, CK_RV rv);

#endif
