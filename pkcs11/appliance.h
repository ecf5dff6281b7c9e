/* Requests to the appliance, with all that it takes to bring them through: reconnect, log in again, wait, repeat. */
#ifndef DKS_APPLIANCE_H
#define DKS_APPLIANCE_H

#include "cryptoki.h"
#include "request.h"

struct library;

enum call_mode {
  /* Goes on trying for a while if the appliance was there before. */
  CALL_NORMAL,
  /* One attempt to connect, to find out whether the appliance is there. */
  CALL_PROBE,
  /* Only on a connection that exists. */
  CALL_IF_CONNECTED
};

/*
 * Sends a request and waits for the reply. CKR_OK: request_results() has it. A request may be sent again after a lost
 * connection: those that create something carry a random name by which the appliance recognizes the repetition, and what
 * must not be repeated is marked `once`.
 */
CK_RV appliance_call(struct library *library, struct request *request, enum call_mode mode);
/* The results of a reply are not what they must be: closes the connection. Returns CKR_DEVICE_ERROR. */
CK_RV appliance_malformed(struct library *library);

#endif
