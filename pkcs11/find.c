/* Searches (PKCS#11 5.7.7): all results are fetched at once, with everything that will be asked about them. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "appliance.h"
#include "call.h"
#include "template.h"

enum { FOUND_MAX = 4000000, FACTS_SIZE = 24 };

/*
 * DKS_PKCS11_HIDE_KEY_TYPES lists key types that searches do not show, e.g. `EC_EDWARDS`: the OpenSSL engine (libp11 0.4)
 * gives up on a token that holds a key of a type it does not know.
 */
static bool is_hidden(const struct facts *facts) {
  static const struct {
    const char *name;
    CK_KEY_TYPE type;
  } names[] = {
#define NAME(name, type) {name, type},
      CKK_NAMES(NAME)
#undef NAME
  };
  const char *list = secure_getenv("DKS_PKCS11_HIDE_KEY_TYPES");
  if (list == NULL || list[0] == '\0') return false;
  CK_KEY_TYPE type = facts_number(facts, CKA_KEY_TYPE);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].type != type) continue;
    size_t length = strlen(names[i].name);
    for (const char *at = list; *at != '\0'; at += strcspn(at, ", ")) {
      at += strspn(at, ", ");
      if (strcspn(at, ", ") == length && strncasecmp(at, names[i].name, length) == 0) return true;
    }
  }
  return false;
}

static bool add_found(struct search *search, CK_OBJECT_HANDLE handle) {
  /* The array doubles whenever its length is a power of two. */
  if ((search->count & (search->count - 1)) == 0) {
    size_t capacity = search->count == 0 ? 1 : 2 * search->count;
    CK_OBJECT_HANDLE *grown = realloc(search->found, capacity * sizeof *grown);
    if (grown == NULL) return false;
    search->found = grown;
  }
  search->found[search->count++] = handle;
  return true;
}

/* How far a search has come. */
struct progress {
  bool more;
  /* The UUID to go on behind. */
  uint8_t after[16];
  /* Objects so far, hidden ones too. */
  size_t seen;
};

/* Takes one page of results. */
static CK_RV take_page(struct library *library, const struct request *request, struct search *search,
                       struct progress *progress) {
  struct xdr_reader in = request_results(request);
  progress->more = xdr_get_u32(&in) != 0;
  uint32_t count = xdr_get_count(&in, LIMIT_PAGE, FACTS_SIZE);
  /* A page that says "more" but brings nothing new would go on for ever. */
  if (progress->more && count == 0) in.failed = true;
  for (uint32_t i = 0; i < count && !in.failed; i++) {
    const uint8_t *uuid = xdr_get_uuid(&in);
    struct facts *facts = memcmp(uuid, progress->after, 16) > 0 ? facts_decode(&in) : NULL;
    if (facts == NULL) return appliance_malformed(library);
    memcpy(progress->after, uuid, 16);
    progress->seen++;
    if (is_hidden(facts)) {
      facts_release(facts);
      continue;
    }
    CK_OBJECT_HANDLE handle = object_table_enter(library, uuid, facts, 0);
    if (handle == 0 || !add_found(search, handle)) return CKR_HOST_MEMORY;
  }
  if (in.failed) return appliance_malformed(library);
  return progress->seen > FOUND_MAX ? CKR_HOST_MEMORY : CKR_OK;
}

static CK_RV find(struct library *library, struct search *search, const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  struct progress progress = {.more = true};
  CK_RV rv = CKR_OK;
  while (progress.more && rv == CKR_OK) {
    struct request *request = request_new(&library->requests, RPC_OBJECT_FIND);
    if (request == NULL) return CKR_HOST_MEMORY;
    template_put(&request->message, attributes, count);
    xdr_put_uuid(&request->message, progress.after);
    xdr_put_u32(&request->message, LIMIT_PAGE);
    rv = appliance_call(library, request, CALL_NORMAL);
    if (rv == CKR_OK) rv = take_page(library, request, search, &progress);
    request_release(&library->requests, request);
  }
  return rv;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct search *search = &call.session->search;
  rv = search->active ? CKR_OPERATION_ACTIVE : template_check(pTemplate, ulCount);
  if (rv != CKR_OK) return call_end(&call, rv);
  rv = find(call.library, search, pTemplate, ulCount);
  if (rv == CKR_OK) search->active = true;
  else search_end(search);
  return call_end(&call, rv);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE *phObject, CK_ULONG ulMaxObjectCount,
                    CK_ULONG *pulObjectCount) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  struct search *search = &call.session->search;
  if (!search->active) return call_end(&call, CKR_OPERATION_NOT_INITIALIZED);
  if (pulObjectCount == NULL || (phObject == NULL && ulMaxObjectCount > 0)) return call_end(&call, CKR_ARGUMENTS_BAD);
  *pulObjectCount = 0;
  while (search->next < search->count && *pulObjectCount < ulMaxObjectCount) {
    CK_OBJECT_HANDLE handle = search->found[search->next++];
    /* Destroyed, or ended by a logout, since the search began. */
    if (object_table_has(call.library, handle)) phObject[(*pulObjectCount)++] = handle;
  }
  return call_end(&call, CKR_OK);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  rv = call.session->search.active ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
  search_end(&call.session->search);
  return call_end(&call, rv);
}
