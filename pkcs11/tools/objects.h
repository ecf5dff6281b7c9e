/* Objects of the token as the tools find and show them. */
#ifndef DKS_TOOLS_OBJECTS_H
#define DKS_TOOLS_OBJECTS_H

#include <stdbool.h>

#include "session.h"

/* What a line says of an object; what it does not have has length 0. */
struct object {
  CK_OBJECT_CLASS class;
  CK_BYTE label[4096], id[1024];
  CK_ULONG label_length, id_length;
  /* "true", "false", "never", or NULL if it is no private or secret key. */
  const char *extractable;
};

/* Handles of the objects with these attributes, for the caller to free; NULL after having said why. */
CK_OBJECT_HANDLE *objects_find(const struct session *session, CK_ATTRIBUTE *template, CK_ULONG count, size_t *found);

/* The attribute that -i or -l name; gives how many there are: 0 or 1. */
CK_ULONG objects_wanted(const struct options *options, CK_ATTRIBUTE *attribute);

/* Reads an object. Says why it cannot; `index` is its place in the list. */
bool object_read(const struct session *session, CK_OBJECT_HANDLE handle, size_t index, struct object *object);

/* Prints text of the token; control characters, which would reach the terminal, as \xNN. */
void print_text(const CK_BYTE *text, CK_ULONG length);

/* Prints 0x and the digits of an ID, of the first `most` bytes followed by dots if it is longer; nothing for an empty one. */
void print_id(const struct object *object, CK_ULONG most);

#endif
