/* The writing half of a connection. */
#ifndef DKS_CONNECTION_WRITE_H
#define DKS_CONNECTION_WRITE_H

#include "connection.h"

/* One step of TLS reading or writing. Above 0: bytes; 0: wait for `*events`; below 0: the connection is gone. */
int connection_step(struct connection *connection, int result, short *events);
/* Sends until nothing is left, for the thread of `own` (may be NULL). The lock is held, and released meanwhile. */
void connection_write(struct connection *connection, const struct request *own);
/* connection_break() with the lock held. */
void connection_break_locked(struct connection *connection);

#endif
