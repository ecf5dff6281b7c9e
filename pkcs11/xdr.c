#include "xdr.h"

#include <string.h>

static size_t padding(size_t length) { return (4 - (length & 3)) & 3; }

void xdr_put_u32(struct buffer *out, uint32_t value) {
  uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
  buffer_append(out, bytes, 4);
}

void xdr_put_opaque(struct buffer *out, const void *bytes, size_t length) {
  static const uint8_t zeros[4];
  if (length > UINT32_MAX) {
    out->failed = true;
    return;
  }
  xdr_put_u32(out, (uint32_t)length);
  buffer_append(out, bytes, length);
  buffer_append(out, zeros, padding(length));
}

void xdr_put_uuid(struct buffer *out, const uint8_t uuid[16]) { xdr_put_opaque(out, uuid, 16); }

uint32_t xdr_get_u32(struct xdr_reader *in) {
  if (in->failed || in->length - in->offset < 4) {
    in->failed = true;
    return 0;
  }
  const uint8_t *at = in->bytes + in->offset;
  in->offset += 4;
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

const uint8_t *xdr_get_opaque(struct xdr_reader *in, size_t max, size_t *length) {
  size_t size = xdr_get_u32(in);
  *length = 0;
  if (in->failed || size > max || size > in->length - in->offset) {
    in->failed = true;
    return NULL;
  }
  const uint8_t *at = in->bytes + in->offset;
  in->offset += size;
  /* Padding may be missing behind the last field. */
  size_t rest = in->length - in->offset, pad = padding(size);
  in->offset += pad < rest ? pad : rest;
  *length = size;
  return at;
}

const uint8_t *xdr_get_uuid(struct xdr_reader *in) {
  static const uint8_t zeros[16];
  size_t length;
  const uint8_t *uuid = xdr_get_opaque(in, 16, &length);
  if (length == 16) return uuid;
  in->failed = true;
  return zeros;
}

uint32_t xdr_get_count(struct xdr_reader *in, uint32_t max, size_t least) {
  uint32_t count = xdr_get_u32(in);
  if (in->failed || count > max || count > (in->length - in->offset) / least) {
    in->failed = true;
    return 0;
  }
  return count;
}
