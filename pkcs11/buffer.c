#include "buffer.h"

#include <stdlib.h>
#include <string.h>

/* More than a page of object facts takes; nothing larger is kept between requests. */
enum { KEPT = 65536 };

void buffer_clear(struct buffer *buffer) {
  buffer->length = 0;
  buffer->failed = false;
  if (buffer->capacity > KEPT) buffer_free(buffer);
}

bool buffer_reserve(struct buffer *buffer, size_t extra) {
  if (buffer->failed || extra > SIZE_MAX / 4 - buffer->length) {
    buffer->failed = true;
    return false;
  }
  size_t needed = buffer->length + extra;
  if (needed <= buffer->capacity) return true;
  size_t capacity = buffer->capacity < 256 ? 512 : 2 * buffer->capacity;
  if (capacity < needed) capacity = needed;
  /* Not realloc: the old copy may hold a PIN and is wiped. */
  uint8_t *grown = malloc(capacity);
  if (grown == NULL) {
    buffer->failed = true;
    return false;
  }
  if (buffer->length > 0) {
    memcpy(grown, buffer->bytes, buffer->length);
    explicit_bzero(buffer->bytes, buffer->length);
  }
  free(buffer->bytes);
  buffer->bytes = grown;
  buffer->capacity = capacity;
  return true;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
  if (!buffer_reserve(buffer, length)) return false;
  if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
  return true;
}

void buffer_wipe(struct buffer *buffer) {
  if (buffer->bytes != NULL) explicit_bzero(buffer->bytes, buffer->capacity);
  buffer_clear(buffer);
}

void buffer_free(struct buffer *buffer) {
  free(buffer->bytes);
  *buffer = (struct buffer){0};
}
