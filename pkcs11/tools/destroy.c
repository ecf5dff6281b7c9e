/* pkcs11-destroy: shows the objects with a label or an ID, waits, and destroys them. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "errors.h"
#include "objects.h"
#include "tools.h"

/* Whether all of them could be read: what cannot be shown is not destroyed. */
static bool show(const struct session *session, const CK_OBJECT_HANDLE *handles, size_t count) {
  printf("Key object%s found:\n", count > 1 ? "s" : "");
  for (size_t i = 0; i < count; i++) {
    struct object object;
    if (!object_read(session, handles[i], i, &object)) return false;
    printf("  object[%zu]: class %lu, label '", i, object.class);
    print_text(object.label, object.label_length);
    printf("', id[%lu] ", object.id_length);
    print_id(&object, 4);
    putchar('\n');
  }
  return true;
}

static void wait_seconds(unsigned seconds) {
  if (seconds == 0) return;
  printf("WARNING: This action is irreversible! Destroying key objects in %u seconds\n  ", seconds);
  for (unsigned i = 0; i < seconds; i++) {
    putchar('.');
    fflush(stdout);
    sleep(1);
  }
  putchar('\n');
}

static bool destroy(const struct session *session, const CK_OBJECT_HANDLE *handles, size_t count) {
  bool good = true;
  for (size_t i = 0; i < count; i++) {
    CK_RV rv = session->p11->C_DestroyObject(session->handle, handles[i]);
    if (rv == CKR_OK) continue;
    char call[64];
    snprintf(call, sizeof call, "C_DestroyObject[%zu]", i);
    report(call, rv);
    good = false;
  }
  if (good) printf("Destruction complete.\n");
  return good;
}

static bool show_and_destroy(const struct session *session, const CK_OBJECT_HANDLE *handles, size_t count,
                             unsigned seconds) {
  if (count == 0) {
    printf("No matching key objects found.\n");
    return true;
  }
  if (!show(session, handles, count)) return false;
  /* Also into a pipe, where it may be the log of what is gone. */
  fflush(stdout);
  wait_seconds(seconds);
  return destroy(session, handles, count);
}

int destroy_run(const struct options *options) {
  struct session session;
  CK_ATTRIBUTE wanted;
  CK_ULONG attributes = objects_wanted(options, &wanted);
  /* Without either it would be all objects of the token. */
  if (attributes == 0 || (options->id.length > 0 && options->label != NULL)) {
    fprintf(stderr, "One of -i and -l says what to destroy\n");
    return 1;
  }
  if (!session_open(&session, options, ACCESS_WRITE)) return 1;
  size_t count;
  CK_OBJECT_HANDLE *handles = objects_find(&session, &wanted, attributes, &count);
  bool good = handles != NULL && show_and_destroy(&session, handles, count, options->wait);
  free(handles);
  session_close(&session);
  return good ? 0 : 1;
}
