/* XDR (RFC 4506) as libhal uses it: 32-bit big-endian words, opaques with a length and padding to four bytes. */
#ifndef DKS_XDR_H
#define DKS_XDR_H

#include "buffer.h"

void xdr_put_u32(struct buffer *out, uint32_t value);
void xdr_put_opaque(struct buffer *out, const void *bytes, size_t length);
/* A UUID is an opaque of 16 bytes. */
void xdr_put_uuid(struct buffer *out, const uint8_t uuid[16]);

/* Reads fields from bytes of the network. A field that is not all there sets `failed`, and every later one is empty. */
struct xdr_reader {
  const uint8_t *bytes;
  size_t length, offset;
  bool failed;
};

uint32_t xdr_get_u32(struct xdr_reader *in);
/* A view of the opaque; NULL with length 0 on failure. More than `max` bytes are a failure. */
const uint8_t *xdr_get_opaque(struct xdr_reader *in, size_t max, size_t *length);
/* A view of 16 bytes; never NULL, zeros on failure. */
const uint8_t *xdr_get_uuid(struct xdr_reader *in);
/* A count of items that take at least `least` bytes each; a count that cannot fit the rest is a failure. */
uint32_t xdr_get_count(struct xdr_reader *in, uint32_t max, size_t least);

#endif
