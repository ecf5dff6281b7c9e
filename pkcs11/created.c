#include "created.h"

#include <openssl/rand.h>

#include "appliance.h"
#include "template.h"

CK_RV created_check(const struct call *call, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                    const CK_OBJECT_HANDLE *handle) {
  CK_RV rv = handle == NULL ? CKR_ARGUMENTS_BAD : template_check(attributes, count);
  if (rv != CKR_OK || call->session->writable) return rv;
  return template_flag(attributes, count, CKA_TOKEN, false) ? CKR_SESSION_READ_ONLY : CKR_OK;
}

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

struct request *created_request(struct call *call, uint32_t function) {
  struct request_pool *pool = &call->library->requests;
  struct request *request = request_new(pool, function);
  if (request == NULL) return NULL;
  request->secret = true;
  if (created_put_header(call->library, request, call->session)) return request;
  request_release(pool, request);
  return NULL;
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

CK_RV created_finish(struct call *call, struct request *request, CK_OBJECT_HANDLE *handle) {
  CK_RV rv = appliance_call(call->library, request, CALL_NORMAL);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    CK_OBJECT_HANDLE made;
    rv = created_take(call, &results, &made);
    if (rv == CKR_OK) *handle = made;
  }
  request_release(&call->library->requests, request);
  return rv;
}
