#include "created.h"

#include <openssl/rand.h>

#include "appliance.h"

bool created_put_header(struct library *library, struct request *request, struct session *session) {
  uint8_t name[16] = {0};
  bool random = RAND_bytes_ex(library->libctx, name, sizeof name, 0) == 1;
  /* A UUID of version 4 (RFC 9562, 5.4). */
  name[6] = (uint8_t)((name[6] & 0x0f) | 0x40);
  name[8] = (uint8_t)((name[8] & 0x3f) | 0x80);
  xdr_put_u32(&request->message, (uint32_t)session->handle);
  xdr_put_uuid(&request->message, name);
  return random;
}

CK_RV created_take(struct call *call, struct xdr_reader *results, CK_OBJECT_HANDLE *handle) {
  const uint8_t *uuid = xdr_get_uuid(results);
  struct facts *facts = facts_decode(results);
  if (facts == NULL) return appliance_malformed(call->library);
  bool token = facts_flag(facts, CKA_TOKEN);
  if (!token) call->session->has_objects = true;
  *handle = object_table_enter(call->library, uuid, facts, token ? 0 : call->session->handle);
  return *handle == 0 ? CKR_HOST_MEMORY : CKR_OK;
}
