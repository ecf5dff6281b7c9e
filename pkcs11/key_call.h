/* What the functions of key management (PKCS#11 5.18) have in common: a mechanism, its parameter, and a key to use. */
#ifndef DKS_KEY_CALL_H
#define DKS_KEY_CALL_H

#include "call.h"
#include "parameters.h"
#include "request.h"

struct key_call {
  const struct mechanism *mechanism;
  struct parameter_facts known;
  /* The parameter in XDR; it may hold a password. */
  struct buffer parameter;
  /* The key that is used, if any. */
  uint8_t uuid[16];
  struct facts *facts;
};

/*
 * Checks mechanism and parameter for a use (CKF_WRAP and so on) and looks the key up; `bad_handle` is the result if it does
 * not exist. CKR_OK: key_call_end follows. What the key may do is for the appliance to say.
 */
CK_RV key_call_begin(struct call *call, struct key_call *key_call, CK_FLAGS use, const CK_MECHANISM *mechanism,
                     CK_OBJECT_HANDLE key, CK_RV bad_handle);
/* The same for functions that make a key out of nothing. */
CK_RV key_call_begin_generation(struct call *call, struct key_call *key_call, CK_FLAGS use,
                                const CK_MECHANISM *mechanism);
void key_call_end(struct key_call *key_call);
/* Writes the key's UUID, the mechanism and the parameter, in the order in which all requests have them. */
void key_call_put(struct request *request, const struct key_call *key_call);

#endif
