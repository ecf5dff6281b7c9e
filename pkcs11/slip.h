/* SLIP framing (RFC 1055): END before and after every frame; receivers accept either alone. */
#ifndef DKS_SLIP_H
#define DKS_SLIP_H

#include "buffer.h"

/* Appends a frame to `out`. */
bool slip_append(struct buffer *out, const uint8_t *payload, size_t length);

/* Cuts a byte stream into frames. */
struct slip_decoder {
  struct buffer frame;
  bool escaped;
};

/*
 * Takes bytes from `*bytes` (moving it and `*length` on) up to the end of the next frame.
 * SLIP_FRAME: `decoder->frame` holds a frame, which the caller clears before the next call; SLIP_MORE: the bytes are used
 * up; SLIP_BAD: a frame above the limit, or no memory.
 */
enum slip_result { SLIP_MORE, SLIP_FRAME, SLIP_BAD };
enum slip_result slip_next(struct slip_decoder *decoder, const uint8_t **bytes, size_t *length, size_t limit);

#endif
