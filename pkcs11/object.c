/* Object management (PKCS#11 5.7), without searches and reading. */

#include "appliance.h"
#include "call.h"
#include "created.h"
#include "template.h"

static CK_RV create(struct call *call, const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *handle) {
  CK_RV rv = created_check(call, attributes, count, handle);
  if (rv != CKR_OK) return rv;
  struct request *request = created_request(call, RPC_OBJECT_CREATE);
  if (request == NULL) return CKR_HOST_MEMORY;
  template_put(&request->message, attributes, count);
  return created_finish(call, request, handle);
}

CK_RV C_CreateObject(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount,
                     CK_OBJECT_HANDLE *phObject) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, create(&call, pTemplate, ulCount, phObject));
}

static CK_RV copy(struct call *call, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                  CK_OBJECT_HANDLE *handle) {
  struct object_view view;
  CK_RV rv = created_check(call, attributes, count, handle);
  if (rv != CKR_OK) return rv;
  if (!object_table_look_up(call->library, object, &view)) return CKR_OBJECT_HANDLE_INVALID;
  facts_release(view.facts);
  /* The copy of a token object is a token object, if the template does not say otherwise. */
  if (!call->session->writable && template_flag(attributes, count, CKA_TOKEN, view.token)) return CKR_SESSION_READ_ONLY;
  struct request *request = created_request(call, RPC_OBJECT_COPY);
  if (request == NULL) return CKR_HOST_MEMORY;
  xdr_put_uuid(&request->message, view.uuid);
  template_put(&request->message, attributes, count);
  return created_finish(call, request, handle);
}

CK_RV C_CopyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount,
                   CK_OBJECT_HANDLE *phNewObject) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, copy(&call, hObject, pTemplate, ulCount, phNewObject));
}

/* Looks an object up that is to be changed. */
static CK_RV writable_object(struct call *call, CK_OBJECT_HANDLE handle, struct object_view *view) {
  if (!object_table_look_up(call->library, handle, view)) return CKR_OBJECT_HANDLE_INVALID;
  facts_release(view->facts);
  return !view->token || call->session->writable ? CKR_OK : CKR_SESSION_READ_ONLY;
}

static CK_RV destroy(struct call *call, CK_OBJECT_HANDLE handle) {
  struct object_view view;
  CK_RV rv = writable_object(call, handle, &view);
  if (rv != CKR_OK) return rv;
  struct request *request = request_new(&call->library->requests, RPC_OBJECT_DESTROY);
  if (request == NULL) return CKR_HOST_MEMORY;
  xdr_put_uuid(&request->message, view.uuid);
  rv = appliance_call(call->library, request, CALL_NORMAL);
  /* Sent twice because the connection was lost: the first one did it. */
  bool repeated = request->sent > 1;
  request_release(&call->library->requests, request);
  if (rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID) object_table_drop(call->library, handle);
  return rv == CKR_OBJECT_HANDLE_INVALID && repeated ? CKR_OK : rv;
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, destroy(&call, hObject));
}

static CK_RV set_attributes(struct call *call, CK_OBJECT_HANDLE handle, const CK_ATTRIBUTE *attributes,
                            CK_ULONG count) {
  struct library *library = call->library;
  struct object_view view;
  CK_RV rv = template_check(attributes, count);
  if (rv == CKR_OK) rv = writable_object(call, handle, &view);
  if (rv != CKR_OK) return rv;
  struct request *request = request_new(&library->requests, RPC_OBJECT_SET);
  if (request == NULL) return CKR_HOST_MEMORY;
  request->secret = true;
  xdr_put_uuid(&request->message, view.uuid);
  template_put(&request->message, attributes, count);
  rv = appliance_call(library, request, CALL_NORMAL);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    struct facts *facts = facts_decode(&results);
    if (facts == NULL) rv = appliance_malformed(library);
    else object_table_renew(library, handle, facts);
  }
  request_release(&library->requests, request);
  return rv;
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE *pTemplate,
                          CK_ULONG ulCount) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, set_attributes(&call, hObject, pTemplate, ulCount));
}
