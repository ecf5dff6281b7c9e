/* Block modes in chunks: each request begins where the last one ended. */

#include <string.h>

#include "appliance.h"
#include "counter.h"
#include "crypt.h"

/* Bytes of one request: whole blocks below the limit, even behind a key stream that is used up in part. */
enum { CHUNK = LIMIT_SIGN_INPUT / BLOCK * BLOCK - BLOCK };

static void put_parameter(struct buffer *message, const struct mechanism *mechanism, const struct chain *chain) {
  struct buffer parameter = {0};
  if (mechanism->parameter == PARAMETER_CTR) xdr_put_u32(&parameter, chain->counter_bits);
  if (mechanism->parameter != PARAMETER_NONE) xdr_put_opaque(&parameter, chain->block, BLOCK);
  xdr_put_opaque(message, parameter.bytes, parameter.length);
  message->failed = message->failed || parameter.failed;
  buffer_free(&parameter);
}

/* One chunk: what is left from before, then `length` bytes of the part. */
struct chunk {
  const uint8_t *left, *part;
  size_t left_length, length;
};

/* The last block of a chunk. */
static void last_block(const struct chunk *chunk, uint8_t block[BLOCK]) {
  size_t from_part = chunk->length < BLOCK ? chunk->length : BLOCK;
  memcpy(block + BLOCK - from_part, chunk->part + chunk->length - from_part, from_part);
  if (from_part < BLOCK) {
    size_t rest = BLOCK - from_part;
    memcpy(block, chunk->left + chunk->left_length - rest, rest);
  }
}

static struct request *chunk_request(struct library *library, const struct operation *operation, bool decrypt,
                                     const struct chunk *chunk) {
  static const uint8_t zeros[BLOCK];
  CK_MECHANISM_TYPE type = operation->mechanism->type;
  const struct chain *chain = &operation->chain;
  size_t all = chain->used + chunk->left_length + chunk->length;
  struct request *request = request_new(&library->requests, decrypt ? RPC_DECRYPT : RPC_ENCRYPT);
  if (request == NULL) return NULL;
  request->secret = true;
  struct buffer *message = &request->message;
  xdr_put_uuid(message, operation->uuid);
  /* No block in the middle is padding. */
  xdr_put_u32(message, (uint32_t)(decrypt && type == CKM_AES_CBC_PAD ? CKM_AES_CBC : type));
  put_parameter(message, operation->mechanism, chain);
  xdr_put_u32(message, (uint32_t)all);
  buffer_append(message, zeros, chain->used);
  buffer_append(message, chunk->left, chunk->left_length);
  buffer_append(message, chunk->part, chunk->length);
  buffer_append(message, zeros, (4 - all % 4) % 4);
  return request;
}

/* Where the next chunk begins. `last` is the last block of the chunk's input, `result` the bytes of the chunk's result. */
static void move_on(struct operation *operation, bool decrypt, const uint8_t last[BLOCK], const uint8_t *result,
                    size_t length) {
  struct chain *chain = &operation->chain;
  if (operation->mechanism->type == CKM_AES_CTR) {
    size_t reached = chain->used + length;
    counter_advance(chain, reached / BLOCK);
    chain->used = (uint8_t)(reached % BLOCK);
  } else if (operation->mechanism->type != CKM_AES_ECB) {
    memcpy(chain->block, decrypt ? last : result + length - BLOCK, BLOCK);
  }
}

static CK_RV send_chunk(struct call *call, struct operation *operation, bool decrypt, const struct chunk *chunk,
                        uint8_t *output) {
  struct library *library = call->library;
  size_t wanted = chunk->left_length + chunk->length, size;
  bool padded = !decrypt && operation->mechanism->type == CKM_AES_CBC_PAD;
  size_t skipped = operation->chain.used, added = padded ? BLOCK : 0;
  uint8_t last[BLOCK] = {0};
  struct request *request = chunk_request(library, operation, decrypt, chunk);
  if (request == NULL) return CKR_HOST_MEMORY;
  CK_RV rv = operation_send(library, request);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    const uint8_t *bytes = xdr_get_opaque(&results, skipped + wanted + added, &size);
    if (bytes == NULL || size != skipped + wanted + added) {
      rv = appliance_malformed(library);
    } else {
      /* Before the output is written: it may be where the input is. */
      if (decrypt && wanted >= BLOCK) last_block(chunk, last);
      memcpy(output, bytes + skipped, wanted);
      move_on(operation, decrypt, last, bytes + skipped, wanted);
    }
  }
  request_release(&library->requests, request);
  return rv;
}

CK_RV crypt_stream(struct call *call, struct operation *operation, bool decrypt, const uint8_t *part, size_t length,
                   uint8_t *output) {
  size_t whole = crypt_update_length(operation, decrypt, length), left = operation->data.length;
  uint8_t before[BLOCK], after[BLOCK];
  /* Of the part, `sent` bytes are sent now; with all that is left they make whole blocks. */
  size_t sent = whole > 0 ? whole - left : 0, kept = length - sent;
  if (left > 0) memcpy(before, operation->data.bytes, left);
  if (kept > BLOCK) return CKR_GENERAL_ERROR;
  if (kept > 0) memcpy(after, part + sent, kept);
  struct buffer copy = {0};
  CK_RV rv = CKR_OK;
  bool used_up = whole > 0;
  /* Several chunks in place: the first output would run over input that is still to come. */
  if (whole > CHUNK && output < part + length && part < output + whole) {
    if (!buffer_append(&copy, part, sent)) return CKR_HOST_MEMORY;
    part = copy.bytes;
  }
  while (whole > 0 && rv == CKR_OK) {
    size_t now = whole < CHUNK ? whole : CHUNK;
    struct chunk chunk = {before, part, left, now - left};
    rv = send_chunk(call, operation, decrypt, &chunk, output);
    part += chunk.length;
    output += now;
    whole -= now;
    left = 0;
  }
  if (used_up) buffer_wipe(&operation->data);
  if (rv == CKR_OK && !buffer_append(&operation->data, after, kept)) rv = CKR_HOST_MEMORY;
  buffer_wipe(&copy);
  buffer_free(&copy);
  explicit_bzero(before, sizeof before);
  explicit_bzero(after, sizeof after);
  return rv;
}
