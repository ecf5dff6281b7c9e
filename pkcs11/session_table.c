#include "session_table.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "library.h"

/* Request arguments carry the handle in 32 bits. */
enum { SESSION_HANDLE_MAX = 0x7fffffff };

void session_table_init(struct library *library) { pthread_mutex_init(&library->sessions.lock, NULL); }

void session_table_free(struct library *library) {
  struct session *session;
  while ((session = session_take(library, 0)) != NULL) session_release(session);
  hash_free(&library->sessions.sessions);
  pthread_mutex_destroy(&library->sessions.lock);
}

/* Of the process, not of one C_Initialize: a handle that was kept over C_Finalize must not mean another session. */
static _Atomic CK_SESSION_HANDLE last_handle;

/* The next handle that nobody has; after two thousand million sessions they come round again. The lock is held. */
static CK_SESSION_HANDLE next_handle(struct session_table *table) {
  CK_SESSION_HANDLE handle;
  do {
    handle = atomic_fetch_add(&last_handle, 1) % SESSION_HANDLE_MAX + 1;
  } while (hash_find(&table->sessions, handle) != NULL);
  return handle;
}

CK_RV session_open(struct library *library, bool writable, CK_SESSION_HANDLE *handle) {
  struct session_table *table = &library->sessions;
  struct session *session = calloc(1, sizeof *session);
  if (session == NULL) return CKR_HOST_MEMORY;
  CK_RV rv = CKR_OK;
  session->references = 1;
  session->writable = writable;
  pthread_mutex_init(&session->lock, NULL);
  pthread_mutex_lock(&table->lock);
  if (table->officer && !writable) {
    rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
  } else if (table->read_only + table->writable >= SESSIONS_MAX) {
    rv = CKR_SESSION_COUNT;
  } else {
    session->handle = next_handle(table);
    if (!hash_insert(&table->sessions, &session->node, session->handle)) rv = CKR_HOST_MEMORY;
  }
  if (rv == CKR_OK) {
    *handle = session->handle;
    if (writable) table->writable++;
    else table->read_only++;
  }
  pthread_mutex_unlock(&table->lock);
  if (rv != CKR_OK) session_release(session);
  return rv;
}

bool session_claim_officer(struct library *library) {
  struct session_table *table = &library->sessions;
  pthread_mutex_lock(&table->lock);
  bool free = table->read_only == 0;
  if (free) table->officer = true;
  pthread_mutex_unlock(&table->lock);
  return free;
}

void session_release_officer(struct library *library) {
  pthread_mutex_lock(&library->sessions.lock);
  library->sessions.officer = false;
  pthread_mutex_unlock(&library->sessions.lock);
}

struct operation *session_locked_operation(struct session *session) {
  for (int i = 0; i < OPERATIONS; i++) {
    if (session->operations[i].active && session->operations[i].locked) return &session->operations[i];
  }
  return NULL;
}

struct session *session_acquire(struct library *library, CK_SESSION_HANDLE handle) {
  struct session *session = NULL;
  pthread_mutex_lock(&library->sessions.lock);
  struct hash_node *node = hash_find(&library->sessions.sessions, handle);
  if (node != NULL) {
    session = HASH_ENTRY(node, struct session, node);
    atomic_fetch_add(&session->references, 1);
  }
  pthread_mutex_unlock(&library->sessions.lock);
  return session;
}

void session_release(struct session *session) {
  if (atomic_fetch_sub(&session->references, 1) != 1) return;
  for (int i = 0; i < OPERATIONS; i++) operation_free(&session->operations[i]);
  search_end(&session->search);
  pthread_mutex_destroy(&session->lock);
  free(session);
}

static struct hash_node *first_node(const struct hash *hash) {
  for (size_t i = 0; i < hash->size; i++) {
    if (hash->buckets[i] != NULL) return hash->buckets[i];
  }
  return NULL;
}

struct session *session_take(struct library *library, CK_SESSION_HANDLE handle) {
  struct session_table *table = &library->sessions;
  struct session *session = NULL;
  pthread_mutex_lock(&table->lock);
  struct hash_node *node = handle == 0 ? first_node(&table->sessions) : hash_find(&table->sessions, handle);
  if (node != NULL) {
    session = HASH_ENTRY(node, struct session, node);
    hash_remove(&table->sessions, node);
    session->closed = true;
    if (session->writable) table->writable--;
    else table->read_only--;
  }
  pthread_mutex_unlock(&table->lock);
  return session;
}

bool session_none(struct library *library) {
  CK_ULONG read_only, writable;
  session_count(library, &read_only, &writable);
  return read_only + writable == 0;
}

bool session_end_login(struct library *library) {
  struct session_table *table = &library->sessions;
  pthread_mutex_lock(&table->lock);
  bool none = table->read_only + table->writable == 0;
  if (none) login_forget(library);
  pthread_mutex_unlock(&table->lock);
  return none;
}

void session_count(struct library *library, CK_ULONG *read_only, CK_ULONG *writable) {
  pthread_mutex_lock(&library->sessions.lock);
  *read_only = library->sessions.read_only;
  *writable = library->sessions.writable;
  pthread_mutex_unlock(&library->sessions.lock);
}

void search_end(struct search *search) {
  free(search->found);
  *search = (struct search){0};
}
