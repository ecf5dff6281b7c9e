/* The module, a slot of it, and a session. */
#ifndef DKS_TOOLS_SESSION_H
#define DKS_TOOLS_SESSION_H

#include <stdbool.h>

#include "options.h"

struct session {
  void *library;
  CK_FUNCTION_LIST *p11;
  CK_SESSION_HANDLE handle;
};

enum access { ACCESS_PUBLIC, ACCESS_READ, ACCESS_WRITE };

/* Loads and initialises the module. Says why it cannot; nothing is left open then. */
bool module_open(struct session *session, const char *path);

/* Opens a session in the slot that was asked for and logs in, unless ACCESS_PUBLIC. Says why it cannot; nothing is left open then. */
bool session_open(struct session *session, const struct options *options, enum access access);

/* The slots with a token, for the caller to free; NULL after having said why. */
CK_SLOT_ID *slots_with_tokens(const struct session *session, CK_ULONG *count);

/* Ends the session, if any, and unloads the module. */
void session_close(struct session *session);

#endif
