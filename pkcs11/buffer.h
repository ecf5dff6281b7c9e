/* A byte buffer that grows and keeps its memory from use to use. A failed allocation sticks until buffer_clear. */
#ifndef DKS_BUFFER_H
#define DKS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
  uint8_t *bytes;
  size_t length, capacity;
  bool failed;
};

/* Forgets the content; a buffer that became large gives its memory back. */
void buffer_clear(struct buffer *buffer);
/* Makes room for `extra` more bytes. */
bool buffer_reserve(struct buffer *buffer, size_t extra);
bool buffer_append(struct buffer *buffer, const void *bytes, size_t length);
/* Overwrites the content with zeros, then forgets it. For buffers that held a PIN. */
void buffer_wipe(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
