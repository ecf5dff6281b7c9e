/*
 * Object handles. A handle stands for the UUID of an object as long as the object exists, whatever happens to connections;
 * handles grow and are never used again in the same process.
 */
#ifndef DKS_OBJECT_TABLE_H
#define DKS_OBJECT_TABLE_H

#include <pthread.h>

#include "facts.h"
#include "hash.h"

struct library;

struct object {
  struct hash_node by_handle, by_uuid;
  CK_OBJECT_HANDLE handle;
  uint8_t uuid[16];
  /* The session that made a session object, 0 if unknown or a token object. */
  CK_SESSION_HANDLE session;
  bool token, private;
  struct facts *facts;
};

struct object_table {
  pthread_mutex_t lock;
  struct hash by_handle, by_uuid;
};

/* What a call needs to know about an object; `facts` is a reference of its own. */
struct object_view {
  uint8_t uuid[16];
  bool token, private;
  struct facts *facts;
};

void object_table_init(struct library *library);
void object_table_free(struct library *library);

/*
 * Enters an object that the appliance described, or renews what is known about it. Takes over the facts.
 * 0 without memory.
 */
CK_OBJECT_HANDLE object_table_enter(struct library *library, const uint8_t uuid[16], struct facts *facts,
                                    CK_SESSION_HANDLE session);
bool object_table_look_up(struct library *library, CK_OBJECT_HANDLE handle, struct object_view *view);
bool object_table_has(struct library *library, CK_OBJECT_HANDLE handle);
/* Renews what is known about an object; takes over the facts. */
void object_table_renew(struct library *library, CK_OBJECT_HANDLE handle, struct facts *facts);
void object_table_drop(struct library *library, CK_OBJECT_HANDLE handle);
/* Forgets the session objects of one session, or of all (0). */
void object_table_drop_session_objects(struct library *library, CK_SESSION_HANDLE session);
/* Forgets private objects: their handles end with the login (PKCS#11 5.6.10). */
void object_table_drop_private(struct library *library);

#endif
