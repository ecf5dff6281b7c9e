/* Sessions, their handles, and what is going on in them. */
#ifndef DKS_SESSION_TABLE_H
#define DKS_SESSION_TABLE_H

#include <pthread.h>

#include "facts.h"
#include "hash.h"
#include "operation_state.h"

struct library;

struct search {
  bool active;
  CK_OBJECT_HANDLE *found;
  size_t count, next;
};

struct session {
  struct hash_node node;
  CK_SESSION_HANDLE handle;
  bool writable;
  _Atomic int references;
  /* Held during a call: two calls on one session come one after the other. */
  pthread_mutex_t lock;
  /* Session objects may exist at the appliance. */
  _Atomic bool has_objects;
  /* Taken out of the table, perhaps under a running call. */
  _Atomic bool closed;
  struct operation operations[OPERATIONS];
  struct search search;
};

/* The limit keeps the search for a free handle short. */
enum { SESSIONS_MAX = 1000000 };

struct session_table {
  pthread_mutex_t lock;
  struct hash sessions;
  CK_ULONG read_only, writable;
  /* The security officer is logged in, or about to be: no read-only sessions. */
  bool officer;
};

void session_table_init(struct library *library);
void session_table_free(struct library *library);
CK_RV session_open(struct library *library, bool writable, CK_SESSION_HANDLE *handle);
/* Keeps read-only sessions out from now on; false if there are any. */
bool session_claim_officer(struct library *library);
void session_release_officer(struct library *library);
/* The session's running operation whose key has CKA_ALWAYS_AUTHENTICATE and waits for the PIN; NULL if there is none. */
struct operation *session_locked_operation(struct session *session);
/* A reference to a session; NULL if the handle is not valid. */
struct session *session_acquire(struct library *library, CK_SESSION_HANDLE handle);
void session_release(struct session *session);
/* Takes a session out of the table and returns it with the table's reference; any session if the handle is 0. */
struct session *session_take(struct library *library, CK_SESSION_HANDLE handle);
/* Destroys the session objects of one session, or of all (0), here and at the appliance. */
void session_close_objects(struct library *library, CK_SESSION_HANDLE session);
bool session_none(struct library *library);
/*
 * Forgets the login if no session is open, as one step: whoever opens a session finds the login there and it stays, or
 * finds it gone.
 */
bool session_end_login(struct library *library);
void session_count(struct library *library, CK_ULONG *read_only, CK_ULONG *writable);

/* Ends a search. */
void search_end(struct search *search);

#endif
