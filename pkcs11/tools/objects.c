#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"

enum { AT_ONCE = 256 };

/* Adds what a running search finds. Gives the function that failed, or NULL. */
static const char *collect(const struct session *session, CK_OBJECT_HANDLE **handles, size_t *found, CK_RV *rv) {
  for (;;) {
    CK_OBJECT_HANDLE *larger = realloc(*handles, (*found + AT_ONCE) * sizeof *larger);
    *rv = larger == NULL ? CKR_HOST_MEMORY : CKR_OK;
    if (larger == NULL) return "C_FindObjects";
    *handles = larger;
    CK_ULONG count = 0;
    *rv = session->p11->C_FindObjects(session->handle, *handles + *found, AT_ONCE, &count);
    if (*rv != CKR_OK) return "C_FindObjects";
    if (count == 0) break;
    *found += count;
  }
  *rv = session->p11->C_FindObjectsFinal(session->handle);
  return *rv == CKR_OK ? NULL : "C_FindObjectsFinal";
}

CK_OBJECT_HANDLE *objects_find(const struct session *session, CK_ATTRIBUTE *template, CK_ULONG count, size_t *found) {
  CK_OBJECT_HANDLE *handles = NULL;
  const char *failed = "C_FindObjectsInit";
  CK_RV rv = session->p11->C_FindObjectsInit(session->handle, template, count);
  *found = 0;
  if (rv == CKR_OK) failed = collect(session, &handles, found, &rv);
  if (failed == NULL) return handles;
  report(failed, rv);
  free(handles);
  return NULL;
}

CK_ULONG objects_wanted(const struct options *options, CK_ATTRIBUTE *attribute) {
  if (options->id.length > 0)
    *attribute = (CK_ATTRIBUTE){CKA_ID, (void *)options->id.bytes, options->id.length};
  else if (options->label != NULL)
    *attribute = (CK_ATTRIBUTE){CKA_LABEL, (void *)options->label, strlen(options->label)};
  else
    return 0;
  return 1;
}

/* Objects of some classes have no label or no ID: the others are read all the same (PKCS#11 5.7.5). */
static bool is_partial(CK_RV rv) {
  return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_BUFFER_TOO_SMALL;
}

static const char *read_extractable(const struct session *session, CK_OBJECT_HANDLE handle) {
  CK_BBOOL extractable = CK_TRUE, never = CK_FALSE;
  CK_ATTRIBUTE template[] = {
      {CKA_EXTRACTABLE, &extractable, sizeof extractable},
      {CKA_NEVER_EXTRACTABLE, &never, sizeof never},
  };
  if (session->p11->C_GetAttributeValue(session->handle, handle, template, 2) != CKR_OK) return NULL;
  return extractable ? "true" : never ? "never" : "false";
}

bool object_read(const struct session *session, CK_OBJECT_HANDLE handle, size_t index, struct object *object) {
  CK_ATTRIBUTE template[] = {
      {CKA_CLASS, &object->class, sizeof object->class},
      {CKA_LABEL, object->label, sizeof object->label},
      {CKA_ID, object->id, sizeof object->id},
  };
  CK_RV rv = session->p11->C_GetAttributeValue(session->handle, handle, template, 3);
  if (rv != CKR_OK && !is_partial(rv)) {
    char call[64];
    snprintf(call, sizeof call, "C_GetAttributeValue[%zu]", index);
    report(call, rv);
    return false;
  }
  object->label_length = template[1].ulValueLen == CK_UNAVAILABLE_INFORMATION ? 0 : template[1].ulValueLen;
  object->id_length = template[2].ulValueLen == CK_UNAVAILABLE_INFORMATION ? 0 : template[2].ulValueLen;
  bool secret = object->class == CKO_PRIVATE_KEY || object->class == CKO_SECRET_KEY;
  object->extractable = secret ? read_extractable(session, handle) : NULL;
  return true;
}

void print_text(const CK_BYTE *text, CK_ULONG length) {
  for (CK_ULONG i = 0; i < length; i++) {
    if (text[i] < ' ' || text[i] == 0x7f) printf("\\x%02x", text[i]);
    else putchar(text[i]);
  }
}

void print_id(const struct object *object, CK_ULONG most) {
  CK_ULONG shown = object->id_length < most ? object->id_length : most;
  if (shown > 0) printf("0x");
  for (CK_ULONG i = 0; i < shown; i++) printf("%02x", object->id[i]);
  if (shown < object->id_length) printf("...");
}
