#include "slip.h"

#include <string.h>

enum { END = 0xc0, ESC = 0xdb, ESC_END = 0xdc, ESC_ESC = 0xdd };

bool slip_append(struct buffer *out, const uint8_t *payload, size_t length) {
  if (!buffer_reserve(out, 2 * length + 2)) return false;
  uint8_t *at = out->bytes + out->length;
  *at++ = END;
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = payload[i];
    if (byte == END || byte == ESC) {
      *at++ = ESC;
      byte = byte == END ? ESC_END : ESC_ESC;
    }
    *at++ = byte;
  }
  *at++ = END;
  out->length = (size_t)(at - out->bytes);
  return true;
}

enum slip_result slip_next(struct slip_decoder *decoder, const uint8_t **bytes, size_t *length, size_t limit) {
  struct buffer *frame = &decoder->frame;
  while (*length > 0) {
    const uint8_t *end = memchr(*bytes, END, *length);
    size_t raw = end == NULL ? *length : (size_t)(end - *bytes);
    if (raw > limit || frame->length > limit - raw || !buffer_reserve(frame, raw)) return SLIP_BAD;
    for (size_t i = 0; i < raw; i++) {
      uint8_t byte = (*bytes)[i];
      if (decoder->escaped) {
        decoder->escaped = false;
        /* Any other byte behind ESC stands for itself. */
        if (byte == ESC_END) byte = END;
        else if (byte == ESC_ESC) byte = ESC;
      } else if (byte == ESC) {
        decoder->escaped = true;
        continue;
      }
      frame->bytes[frame->length++] = byte;
    }
    size_t taken = end == NULL ? raw : raw + 1;
    *bytes += taken;
    *length -= taken;
    if (end == NULL) return SLIP_MORE;
    decoder->escaped = false;
    if (frame->length > 0) return SLIP_FRAME;
  }
  return SLIP_MORE;
}
