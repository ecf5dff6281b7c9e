#include "session.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "pin.h"

bool module_open(struct session *session, const char *path) {
  *session = (struct session){.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
  if (session->library == NULL) {
    fprintf(stderr, "Unrecoverable error initializing PKCS#11: cannot load %s\n", dlerror());
    fprintf(stderr, "Name the PKCS#11 module with -m or in PKCS11_PROVIDER\n");
    return false;
  }
  CK_RV (*get_functions)(CK_FUNCTION_LIST **);
  *(void **)&get_functions = dlsym(session->library, "C_GetFunctionList");
  if (get_functions == NULL) {
    fprintf(stderr, "Unrecoverable error initializing PKCS#11: %s is no PKCS#11 module: %s\n", path, dlerror());
    dlclose(session->library);
    return false;
  }
  const char *function = "C_GetFunctionList";
  CK_RV rv = get_functions(&session->p11);
  if (rv == CKR_OK) {
    function = "C_Initialize";
    rv = session->p11->C_Initialize(NULL);
  }
  if (rv == CKR_OK) return true;
  report_initialization(function, rv);
  dlclose(session->library);
  return false;
}

CK_SLOT_ID *slots_with_tokens(const struct session *session, CK_ULONG *count) {
  CK_SLOT_ID *slots = NULL;
  CK_RV rv = session->p11->C_GetSlotList(CK_TRUE, NULL, count);
  /* One more than there are, so that none does not look like no memory; and it may become more meanwhile. */
  while (rv == CKR_OK) {
    (*count)++;
    CK_SLOT_ID *larger = realloc(slots, *count * sizeof *slots);
    if (larger == NULL) {
      rv = CKR_HOST_MEMORY;
      break;
    }
    slots = larger;
    rv = session->p11->C_GetSlotList(CK_TRUE, slots, count);
    if (rv == CKR_OK) return slots;
    if (rv == CKR_BUFFER_TOO_SMALL) rv = CKR_OK;
  }
  free(slots);
  report_initialization("C_GetSlotList", rv);
  return NULL;
}

/* Says which slots there are if it is none of them. */
static bool slot_exists(const struct session *session, CK_SLOT_ID wanted) {
  CK_ULONG count = 0;
  CK_SLOT_ID *slots = slots_with_tokens(session, &count);
  if (slots == NULL) return false;
  bool exists = false;
  for (CK_ULONG i = 0; i < count; i++) exists |= slots[i] == wanted;
  if (!exists) {
    fprintf(stderr, "Unrecoverable error initializing PKCS#11: there is no token in slot %lu", wanted);
    if (count == 0) fprintf(stderr, " or any other: is the HSM running, and is its address right? (Diamond-HSM: hsm.conf)");
    else fprintf(stderr, "; slots with tokens, for -s:");
    for (CK_ULONG i = 0; i < count; i++) fprintf(stderr, " %lu", slots[i]);
    fputc('\n', stderr);
  }
  free(slots);
  return exists;
}

static bool log_in(const struct session *session, const struct options *options) {
  struct pin pin;
  if (!pin_get(options->pin, &pin)) return false;
  if (options->pin != NULL) explicit_bzero(options->pin, strlen(options->pin));
  CK_RV rv = session->p11->C_Login(session->handle, CKU_USER, pin.bytes, pin.length);
  explicit_bzero(&pin, sizeof pin);
  if (rv != CKR_OK) report_initialization("C_Login", rv);
  return rv == CKR_OK;
}

bool session_open(struct session *session, const struct options *options, enum access access) {
  if (!module_open(session, options->module)) return false;
  CK_FLAGS flags = CKF_SERIAL_SESSION | (access == ACCESS_WRITE ? CKF_RW_SESSION : 0);
  if (slot_exists(session, options->slot)) {
    CK_RV rv = session->p11->C_OpenSession(options->slot, flags, NULL, NULL, &session->handle);
    if (rv != CKR_OK) report_initialization("C_OpenSession", rv);
    else if (access == ACCESS_PUBLIC || log_in(session, options)) return true;
  }
  session_close(session);
  return false;
}

void session_close(struct session *session) {
  session->p11->C_Finalize(NULL);
  dlclose(session->library);
}
