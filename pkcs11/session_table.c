#include "session_table.h"

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

CK_SESSION_HANDLE session_open(struct library *library, bool writable) {
  struct session_table *table = &library->sessions;
  struct session *session = calloc(1, sizeof *session);
  if (session == NULL) return 0;
  CK_SESSION_HANDLE handle = 0;
  session->references = 1;
  session->writable = writable;
  pthread_mutex_init(&session->lock, NULL);
  pthread_mutex_lock(&table->lock);
  if (table->last < SESSION_HANDLE_MAX && hash_insert(&table->sessions, &session->node, table->last + 1)) {
    handle = session->handle = ++table->last;
    if (writable) table->writable++;
    else table->read_only++;
  }
  pthread_mutex_unlock(&table->lock);
  if (handle == 0) session_release(session);
  return handle;
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

static void operation_free(struct operation *operation) {
  operation_end(operation);
  EVP_MD_CTX_free(operation->digest);
  buffer_free(&operation->data);
}

void session_release(struct session *session) {
  if (atomic_fetch_sub(&session->references, 1) != 1) return;
  operation_free(&session->digest);
  operation_free(&session->sign);
  operation_free(&session->verify);
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
    if (session->writable) table->writable--;
    else table->read_only--;
  }
  pthread_mutex_unlock(&table->lock);
  return session;
}

void session_count(struct library *library, CK_ULONG *read_only, CK_ULONG *writable) {
  pthread_mutex_lock(&library->sessions.lock);
  *read_only = library->sessions.read_only;
  *writable = library->sessions.writable;
  pthread_mutex_unlock(&library->sessions.lock);
}

void operation_end(struct operation *operation) {
  operation->active = false;
  operation->parts = false;
  facts_release(operation->facts);
  operation->facts = NULL;
  buffer_clear(&operation->data);
}

void search_end(struct search *search) {
  free(search->found);
  *search = (struct search){0};
}
