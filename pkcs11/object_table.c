#include "object_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

/* Of the process, not of one C_Initialize: a handle that was kept over C_Finalize must not mean another object. */
static _Atomic CK_OBJECT_HANDLE last_handle;

void object_table_init(struct library *library) { pthread_mutex_init(&library->objects.lock, NULL); }

static uint64_t uuid_key(const uint8_t uuid[16]) {
  uint64_t halves[2];
  memcpy(halves, uuid, sizeof halves);
  return halves[0] ^ halves[1];
}

static struct object *find_handle(const struct object_table *table, CK_OBJECT_HANDLE handle) {
  struct hash_node *node = hash_find(&table->by_handle, handle);
  return node == NULL ? NULL : HASH_ENTRY(node, struct object, by_handle);
}

static struct object *find_uuid(const struct object_table *table, const uint8_t uuid[16]) {
  for (struct hash_node *node = hash_find(&table->by_uuid, uuid_key(uuid)); node != NULL; node = hash_again(node)) {
    struct object *object = HASH_ENTRY(node, struct object, by_uuid);
    if (memcmp(object->uuid, uuid, sizeof object->uuid) == 0) return object;
  }
  return NULL;
}

static void drop(struct object_table *table, struct object *object) {
  hash_remove(&table->by_handle, &object->by_handle);
  hash_remove(&table->by_uuid, &object->by_uuid);
  facts_release(object->facts);
  free(object);
}

/* Drops all objects that `match` accepts. The lock is held. */
static void drop_matching(struct object_table *table, bool (*match)(const struct object *, CK_SESSION_HANDLE),
                          CK_SESSION_HANDLE session) {
  for (size_t i = 0; i < table->by_handle.size; i++) {
    struct hash_node *node = table->by_handle.buckets[i];
    while (node != NULL) {
      struct object *object = HASH_ENTRY(node, struct object, by_handle);
      node = node->next;
      if (match(object, session)) drop(table, object);
    }
  }
}

static bool any(const struct object *object, CK_SESSION_HANDLE session) {
  (void)object, (void)session;
  return true;
}

static bool is_private(const struct object *object, CK_SESSION_HANDLE session) {
  (void)session;
  return object->private;
}

static bool is_of_session(const struct object *object, CK_SESSION_HANDLE session) {
  return !object->token && (session == 0 || object->session == session);
}

void object_table_free(struct library *library) {
  struct object_table *table = &library->objects;
  drop_matching(table, any, 0);
  hash_free(&table->by_handle);
  hash_free(&table->by_uuid);
  pthread_mutex_destroy(&table->lock);
}

static void set_facts(struct object *object, struct facts *facts) {
  facts_release(object->facts);
  object->facts = facts;
  object->token = facts_flag(facts, CKA_TOKEN);
  object->private = facts_flag(facts, CKA_PRIVATE);
}

CK_OBJECT_HANDLE object_table_enter(struct library *library, const uint8_t uuid[16], struct facts *facts,
                                    CK_SESSION_HANDLE session) {
  struct object_table *table = &library->objects;
  CK_OBJECT_HANDLE handle = 0;
  pthread_mutex_lock(&table->lock);
  struct object *object = find_uuid(table, uuid);
  if (object == NULL && (object = calloc(1, sizeof *object)) != NULL) {
    memcpy(object->uuid, uuid, sizeof object->uuid);
    object->handle = atomic_fetch_add(&last_handle, 1) + 1;
    object->session = session;
    if (!hash_insert(&table->by_handle, &object->by_handle, object->handle)) {
      free(object);
      object = NULL;
    } else if (!hash_insert(&table->by_uuid, &object->by_uuid, uuid_key(uuid))) {
      hash_remove(&table->by_handle, &object->by_handle);
      free(object);
      object = NULL;
    }
  }
  if (object != NULL) {
    set_facts(object, facts);
    handle = object->handle;
  } else {
    facts_release(facts);
  }
  pthread_mutex_unlock(&table->lock);
  return handle;
}

bool object_table_look_up(struct library *library, CK_OBJECT_HANDLE handle, struct object_view *view) {
  struct object_table *table = &library->objects;
  pthread_mutex_lock(&table->lock);
  struct object *object = find_handle(table, handle);
  if (object != NULL) {
    memcpy(view->uuid, object->uuid, sizeof view->uuid);
    view->token = object->token;
    view->private = object->private;
    view->facts = facts_retain(object->facts);
  }
  pthread_mutex_unlock(&table->lock);
  return object != NULL;
}

bool object_table_has(struct library *library, CK_OBJECT_HANDLE handle) {
  pthread_mutex_lock(&library->objects.lock);
  bool has = find_handle(&library->objects, handle) != NULL;
  pthread_mutex_unlock(&library->objects.lock);
  return has;
}

void object_table_renew(struct library *library, CK_OBJECT_HANDLE handle, struct facts *facts) {
  struct object_table *table = &library->objects;
  pthread_mutex_lock(&table->lock);
  struct object *object = find_handle(table, handle);
  if (object != NULL) set_facts(object, facts);
  else facts_release(facts);
  pthread_mutex_unlock(&table->lock);
}

void object_table_drop(struct library *library, CK_OBJECT_HANDLE handle) {
  struct object_table *table = &library->objects;
  pthread_mutex_lock(&table->lock);
  struct object *object = find_handle(table, handle);
  if (object != NULL) drop(table, object);
  pthread_mutex_unlock(&table->lock);
}

void object_table_drop_session_objects(struct library *library, CK_SESSION_HANDLE session) {
  pthread_mutex_lock(&library->objects.lock);
  drop_matching(&library->objects, is_of_session, session);
  pthread_mutex_unlock(&library->objects.lock);
}

void object_table_drop_private(struct library *library) {
  pthread_mutex_lock(&library->objects.lock);
  drop_matching(&library->objects, is_private, 0);
  pthread_mutex_unlock(&library->objects.lock);
}
