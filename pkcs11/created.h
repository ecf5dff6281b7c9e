/* Objects that a request creates: the part that C_CreateObject and C_GenerateKeyPair share. */
#ifndef DKS_CREATED_H
#define DKS_CREATED_H

#include "call.h"

/*
 * Writes the session and a random name of the request: the appliance does a request of the same name only once, so it may be
 * repeated after a lost connection. False without random numbers.
 */
bool created_put_header(struct library *library, struct request *request, struct session *session);
/* Reads object facts and enters the object. */
CK_RV created_take(struct call *call, struct xdr_reader *results, CK_OBJECT_HANDLE *handle);

#endif
