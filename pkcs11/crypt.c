#include "crypt.h"

#include <string.h>

#include "appliance.h"
#include "counter.h"
#include "sign.h"

/* Hands a result out, or keeps it until the caller's buffer is large enough. */
static CK_RV deliver(struct operation *operation, const uint8_t *result, size_t size, uint8_t *output,
                     CK_ULONG *output_length) {
  bool answered;
  CK_RV rv = answer_length(size, output, output_length, &answered);
  if (!answered) {
    if (size > 0) memcpy(output, result, size);
    *output_length = size;
  } else if (!operation->answered) {
    operation->answered = buffer_append(&operation->result, result, size);
    if (!operation->answered) return CKR_HOST_MEMORY;
  }
  return rv;
}

static CK_RV ask(struct call *call, struct operation *operation, bool decrypt, const uint8_t *data, size_t length,
                 uint8_t *output, CK_ULONG *output_length) {
  struct library *library = call->library;
  struct request *request = operation_request(library, operation, decrypt ? RPC_DECRYPT : RPC_ENCRYPT);
  if (request == NULL) return CKR_HOST_MEMORY;
  request->secret = true;
  xdr_put_opaque(&request->message, data, length);
  CK_RV rv = operation_send(library, request);
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    size_t size;
    const uint8_t *bytes = xdr_get_opaque(&results, LIMIT_OWN_MESSAGE, &size);
    rv = bytes == NULL ? appliance_malformed(library) : deliver(operation, bytes, size, output, output_length);
  }
  request_release(&library->requests, request);
  return rv;
}

CK_RV crypt_whole(struct call *call, struct operation *operation, bool decrypt, const uint8_t *data, size_t length,
                  uint8_t *output, CK_ULONG *output_length) {
  struct crypt_length expected;
  bool answered;
  if (length > crypt_limit(decrypt)) return decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
  if (operation->answered) {
    const struct buffer *result = &operation->result;
    return deliver(operation, result->bytes, result->length, output, output_length);
  }
  CK_RV rv = crypt_result_length(operation, decrypt, length, &expected);
  if (rv != CKR_OK) return rv;
  /* An upper bound answers a query; whether a buffer is too small, only the real length tells. */
  if (output == NULL || expected.exact) {
    rv = answer_length(expected.length, output, output_length, &answered);
    if (answered) return rv;
  }
  return ask(call, operation, decrypt, data, length, output, output_length);
}

void crypt_forget_result(struct operation *operation) {
  if (!operation->answered) return;
  operation->answered = false;
  buffer_wipe(&operation->result);
  /* The data of a one-shot call is kept for comparison only. */
  if (!operation->parts) buffer_wipe(&operation->data);
}

/* Whether a call only asked for a length, or has to be repeated with a larger buffer: the operation goes on. */
static bool goes_on(CK_RV rv, const uint8_t *output) { return rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && output == NULL); }

CK_RV crypt_update(struct call *call, struct operation *operation, bool decrypt, const uint8_t *part, CK_ULONG length,
                   uint8_t *output, CK_ULONG *output_length) {
  CK_RV rv = output_length == NULL || (part == NULL && length > 0) ? CKR_ARGUMENTS_BAD
                                                                    : operation_check_login(call, operation);
  if (rv == CKR_OK && length > SIZE_MAX / 2) rv = CKR_DATA_LEN_RANGE;
  if (rv == CKR_OK) crypt_forget_result(operation);
  if (rv == CKR_OK && !crypt_is_streamed(operation, decrypt)) {
    /* Nothing comes out before the end; a query is answered with room that suffices for any mechanism. */
    *output_length = output == NULL ? length : 0;
    if (output == NULL) return CKR_OK;
    operation->parts = true;
    rv = operation_collect(operation, part, length, crypt_limit(decrypt));
    if (rv == CKR_DATA_LEN_RANGE && decrypt) rv = CKR_ENCRYPTED_DATA_LEN_RANGE;
  } else if (rv == CKR_OK) {
    bool answered = false;
    size_t needed = crypt_update_length(operation, decrypt, length);
    if (operation->mechanism->type == CKM_AES_CTR && !counter_suffices(&operation->chain, length))
      rv = decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
    if (rv == CKR_OK) rv = answer_length(needed, output, output_length, &answered);
    if (answered) return rv;
    operation->parts = true;
    if (rv == CKR_OK) rv = crypt_stream(call, operation, decrypt, part, length, output);
    if (rv == CKR_OK) *output_length = needed;
  }
  if (rv != CKR_OK) operation_end(operation);
  return rv;
}

/* The rest of a streamed operation: nothing, or the block with the padding. */
static CK_RV finish_stream(struct call *call, struct operation *operation, bool decrypt, uint8_t *output,
                           CK_ULONG *output_length) {
  size_t left = operation->data.length;
  if (operation->mechanism->type == CKM_AES_CBC_PAD) {
    struct buffer *parameter = &operation->parameter;
    buffer_clear(parameter);
    xdr_put_opaque(parameter, operation->chain.block, BLOCK);
    return crypt_whole(call, operation, decrypt, operation->data.bytes, left, output, output_length);
  }
  if (left > 0) return decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
  *output_length = 0;
  return CKR_OK;
}

CK_RV crypt_final(struct call *call, struct operation *operation, bool decrypt, uint8_t *output,
                  CK_ULONG *output_length) {
  CK_RV rv = output_length == NULL ? CKR_ARGUMENTS_BAD : operation_check_login(call, operation);
  if (rv == CKR_OK && crypt_is_streamed(operation, decrypt))
    rv = finish_stream(call, operation, decrypt, output, output_length);
  else if (rv == CKR_OK)
    rv = crypt_whole(call, operation, decrypt, operation->data.bytes, operation->data.length, output, output_length);
  if (!goes_on(rv, output)) operation_end(operation);
  return rv;
}

/* Data that is more than one request takes, in a block mode. */
static CK_RV stream_at_once(struct call *call, struct operation *operation, bool decrypt, const uint8_t *data,
                            size_t length, uint8_t *output, CK_ULONG *output_length) {
  struct crypt_length expected;
  bool answered;
  CK_RV rv = crypt_result_length(operation, decrypt, length, &expected);
  if (rv == CKR_OK) {
    rv = answer_length(expected.length, output, output_length, &answered);
    if (answered) return rv;
  }
  size_t first = crypt_update_length(operation, decrypt, length);
  CK_ULONG rest = expected.length - first;
  if (rv == CKR_OK) rv = crypt_stream(call, operation, decrypt, data, length, output);
  if (rv == CKR_OK) rv = finish_stream(call, operation, decrypt, output + first, &rest);
  if (rv == CKR_OK) *output_length = first + rest;
  return rv;
}

/* The call that did not fit came again with the same data; else the result that was kept answers something else. */
static bool is_same_data(const struct operation *operation, const uint8_t *data, size_t length) {
  return operation->data.length == length && (length == 0 || memcmp(operation->data.bytes, data, length) == 0);
}

CK_RV crypt_at_once(struct call *call, struct operation *operation, bool decrypt, const uint8_t *data, CK_ULONG length,
                    uint8_t *output, CK_ULONG *output_length) {
  if (operation->parts) return CKR_OPERATION_NOT_INITIALIZED;
  CK_RV rv = output_length == NULL || (data == NULL && length > 0) ? CKR_ARGUMENTS_BAD
                                                                    : operation_check_login(call, operation);
  if (rv == CKR_OK && !is_same_data(operation, data, length)) crypt_forget_result(operation);
  bool before = operation->answered;
  if (rv == CKR_OK && length > crypt_limit(decrypt) && length <= SIZE_MAX / 2 && crypt_is_streamed(operation, decrypt))
    rv = stream_at_once(call, operation, decrypt, data, length, output, output_length);
  else if (rv == CKR_OK)
    rv = crypt_whole(call, operation, decrypt, data, length, output, output_length);
  if (operation->answered && !before && !buffer_append(&operation->data, data, length)) rv = CKR_HOST_MEMORY;
  if (!goes_on(rv, output)) operation_end(operation);
  return rv;
}
