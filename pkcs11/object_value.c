/* Reading attributes (PKCS#11 5.7.5). The secret ones are asked for only when a program asks, and are not kept. */

#include "object_value.h"

#include "appliance.h"
#include "call.h"

/* A sensitive or unextractable key does not show its value: no need to ask. */
static bool is_readable(const struct facts *facts) {
  if (facts_number(facts, CKA_CLASS) == CKO_DATA) return true;
  const struct attribute *sensitive = facts_find(facts, CKA_SENSITIVE);
  return sensitive != NULL && !facts_flag(facts, CKA_SENSITIVE) && facts_flag(facts, CKA_EXTRACTABLE);
}

CK_RV object_values(struct library *library, const struct object_view *view, struct facts **values) {
  if (!is_readable(view->facts)) return CKR_ATTRIBUTE_SENSITIVE;
  struct request *request = request_new(&library->requests, RPC_OBJECT_VALUE);
  if (request == NULL) return CKR_HOST_MEMORY;
  request->secret = true;
  xdr_put_uuid(&request->message, view->uuid);
  CK_RV rv = appliance_call(library, request, CALL_NORMAL);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    *values = facts_decode(&results);
    if (*values == NULL) rv = appliance_malformed(library);
    else (*values)->secret = true;
  }
  request_release(&library->requests, request);
  return rv;
}

static bool asks_secrets(const struct facts *facts, const CK_ATTRIBUTE *asked, CK_ULONG count) {
  for (CK_ULONG i = 0; i < count; i++) {
    if (facts_is_secret(facts, asked[i].type)) return true;
  }
  return false;
}

/* The counter of uses changes with every use, by any program: it is asked for anew. */
static bool asks_counter(const CK_ATTRIBUTE *asked, CK_ULONG count) {
  for (CK_ULONG i = 0; i < count; i++) {
    if (asked[i].type == CKA_DKS_USE_COUNT) return true;
  }
  return false;
}

static CK_RV renew(struct library *library, CK_OBJECT_HANDLE handle, struct object_view *view) {
  struct request *request = request_new(&library->requests, RPC_OBJECT_GET);
  if (request == NULL) return CKR_HOST_MEMORY;
  xdr_put_uuid(&request->message, view->uuid);
  CK_RV rv = appliance_call(library, request, CALL_NORMAL);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    struct facts *facts = facts_decode(&results);
    if (facts == NULL) {
      rv = appliance_malformed(library);
    } else {
      facts_release(view->facts);
      view->facts = facts_retain(facts);
      object_table_renew(library, handle, facts);
    }
  }
  request_release(&library->requests, request);
  return rv;
}

static CK_RV get_attributes(struct library *library, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *asked, CK_ULONG count) {
  struct object_view view;
  struct facts *secrets = NULL;
  if (asked == NULL && count > 0) return CKR_ARGUMENTS_BAD;
  if (!object_table_look_up(library, handle, &view)) return CKR_OBJECT_HANDLE_INVALID;
  CK_RV rv = asks_counter(asked, count) ? renew(library, handle, &view) : CKR_OK;
  if (rv == CKR_OK && asks_secrets(view.facts, asked, count)) rv = object_values(library, &view, &secrets);
  if (rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE) rv = facts_answer(view.facts, secrets, asked, count);
  facts_release(secrets);
  facts_release(view.facts);
  return rv;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE *pTemplate,
                          CK_ULONG ulCount) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, get_attributes(call.library, hObject, pTemplate, ulCount));
}

/* An estimate (5.7.4): the attributes as they are stored, without the value of a key. */
static CK_RV get_size(struct library *library, CK_OBJECT_HANDLE handle, CK_ULONG *size) {
  struct object_view view;
  if (size == NULL) return CKR_ARGUMENTS_BAD;
  if (!object_table_look_up(library, handle, &view)) return CKR_OBJECT_HANDLE_INVALID;
  *size = sizeof view.uuid;
  for (size_t i = 0; i < view.facts->count; i++) *size += 2 * sizeof(uint32_t) + view.facts->attributes[i].length;
  facts_release(view.facts);
  return CKR_OK;
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG *pulSize) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, get_size(call.library, hObject, pulSize));
}
