/* Objects that a request creates: what all functions that make objects share. */
#ifndef DKS_CREATED_H
#define DKS_CREATED_H

#include "call.h"

/* Checks the template of a new object: can it be sent, and may this session make token objects. */
CK_RV created_check(const struct call *call, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                    const CK_OBJECT_HANDLE *handle);
/*
 * Writes the session and a random name of the request: the appliance does a request of the same name only once, so it may be
 * repeated after a lost connection. False without random numbers.
 */
bool created_put_header(struct library *library, struct request *request, struct session *session);
/* A request for a new object with its header written; its template may hold a key, so it is wiped. NULL without memory. */
struct request *created_request(struct call *call, uint32_t function);
/* Reads object facts and enters the object. */
CK_RV created_take(struct call *call, struct xdr_reader *results, CK_OBJECT_HANDLE *handle);
/* Sends a request whose reply has the new object and nothing else; releases it. */
CK_RV created_finish(struct call *call, struct request *request, CK_OBJECT_HANDLE *handle);

#endif
