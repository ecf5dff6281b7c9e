#include "key_call.h"

#include <string.h>

#include "xdr.h"

CK_RV key_call_begin_generation(struct call *call, struct key_call *key_call, CK_FLAGS use,
                                const CK_MECHANISM *mechanism) {
  *key_call = (struct key_call){0};
  if (mechanism == NULL) return CKR_ARGUMENTS_BAD;
  key_call->mechanism = mechanism_find(mechanism->mechanism, use);
  if (key_call->mechanism == NULL) return CKR_MECHANISM_INVALID;
  CK_RV rv = parameter_encode(call->library, key_call->mechanism, mechanism, &key_call->known, &key_call->parameter);
  if (rv == CKR_OK && key_call->parameter.failed) rv = CKR_HOST_MEMORY;
  if (rv != CKR_OK) key_call_end(key_call);
  return rv;
}

CK_RV key_call_begin(struct call *call, struct key_call *key_call, CK_FLAGS use, const CK_MECHANISM *mechanism,
                     CK_OBJECT_HANDLE key, CK_RV bad_handle) {
  struct object_view view;
  CK_RV rv = key_call_begin_generation(call, key_call, use, mechanism);
  if (rv != CKR_OK) return rv;
  if (!object_table_look_up(call->library, key, &view)) {
    key_call_end(key_call);
    return bad_handle;
  }
  memcpy(key_call->uuid, view.uuid, sizeof key_call->uuid);
  key_call->facts = view.facts;
  return CKR_OK;
}

void key_call_end(struct key_call *key_call) {
  facts_release(key_call->facts);
  buffer_wipe(&key_call->parameter);
  buffer_free(&key_call->parameter);
}

void key_call_put(struct request *request, const struct key_call *key_call) {
  struct buffer *message = &request->message;
  if (key_call->facts != NULL) {
    request->personal = facts_flag(key_call->facts, CKA_ALWAYS_AUTHENTICATE);
    xdr_put_uuid(message, key_call->uuid);
  }
  xdr_put_u32(message, (uint32_t)key_call->mechanism->type);
  xdr_put_opaque(message, key_call->parameter.bytes, key_call->parameter.length);
}
