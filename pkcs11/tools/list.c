/* pkcs11-list: a line for each object. */

#include <stdio.h>
#include <stdlib.h>

#include "objects.h"
#include "tools.h"

static void print_object(size_t index, CK_OBJECT_HANDLE handle, const struct object *object) {
  printf("object[%zu]: handle %lu class %lu label[%lu] '", index, handle, object->class, object->label_length);
  print_text(object->label, object->label_length);
  printf("' id[%lu] ", object->id_length);
  /* An ID of two bytes is a number to -i. */
  if (object->id_length == 2) printf("%u", (unsigned)object->id[0] << 8 | object->id[1]);
  else print_id(object, 8);
  if (object->extractable != NULL) printf(" E:%s", object->extractable);
  putchar('\n');
}

static void print_wanted(const struct options *options) {
  if (options->slot != 0) printf("slot %lu\n", options->slot);
  if (options->id.length > 0) printf("id %s\n", options->id_text);
  else if (options->label != NULL) printf("label %s\n", options->label);
}

int list_run(const struct options *options) {
  struct session session;
  print_wanted(options);
  if (!session_open(&session, options, options->given['P'] ? ACCESS_PUBLIC : ACCESS_READ)) return 1;
  CK_ATTRIBUTE wanted;
  size_t count;
  CK_OBJECT_HANDLE *handles = objects_find(&session, &wanted, objects_wanted(options, &wanted), &count);
  bool good = handles != NULL;
  for (size_t i = 0; handles != NULL && i < count; i++) {
    struct object object;
    if (object_read(&session, handles[i], i, &object)) print_object(i, handles[i], &object);
    else good = false;
  }
  free(handles);
  session_close(&session);
  return good ? 0 : 1;
}
