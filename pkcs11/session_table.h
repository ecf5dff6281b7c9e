/* Sessions, their handles, and what is going on in them. */
#ifndef DKS_SESSION_TABLE_H
#define DKS_SESSION_TABLE_H

#include <pthread.h>

#include "facts.h"
#include "hash.h"
#include "mechanism.h"

struct library;

/* A digest, signature or verification that was begun. */
struct operation {
  bool active;
  /* An Update came: the one-shot function may not follow. */
  bool parts;
  const struct mechanism *mechanism;
  uint8_t uuid[16];
  struct facts *facts;
  size_t signature_length;
  /* With a private key: the login it was begun in. */
  bool private;
  uint64_t epoch;
  /* Kept for the next operation. */
  EVP_MD_CTX *digest;
  struct buffer data;
};

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
  struct operation digest, sign, verify;
  struct search search;
};

struct session_table {
  pthread_mutex_t lock;
  struct hash sessions;
  CK_SESSION_HANDLE last;
  CK_ULONG read_only, writable;
};

void session_table_init(struct library *library);
void session_table_free(struct library *library);
/* 0 without memory. */
CK_SESSION_HANDLE session_open(struct library *library, bool writable);
/* A reference to a session; NULL if the handle is not valid. */
struct session *session_acquire(struct library *library, CK_SESSION_HANDLE handle);
void session_release(struct session *session);
/* Takes a session out of the table and returns it with the table's reference; any session if the handle is 0. */
struct session *session_take(struct library *library, CK_SESSION_HANDLE handle);
void session_count(struct library *library, CK_ULONG *read_only, CK_ULONG *writable);

/* Ends an operation or a search; memory worth keeping stays. */
void operation_end(struct operation *operation);
void search_end(struct search *search);

#endif
