/*
 * Message-based encryption and decryption (PKCS#11 3.0, 5.9 and 5.11) with AES-GCM and AES-CCM: many messages under one Init,
 * each with its own IV, which the library makes if it is asked to. A message in parts is collected; its result comes with the
 * last part.
 */

#include <openssl/rand.h>
#include <string.h>

#include "appliance.h"
#include "crypt.h"
#include "parameters.h"
#include "sign.h"

/* The parameter of a message, of either mechanism. */
struct message {
  CK_BYTE *iv, *tag;
  CK_ULONG iv_length, fixed_bits, generator, tag_length, data_length;
};

static CK_RV read_message(const struct operation *operation, const void *parameter, CK_ULONG length,
                          struct message *message) {
  CK_GCM_MESSAGE_PARAMS gcm;
  CK_CCM_MESSAGE_PARAMS ccm;
  if (parameter == NULL) return CKR_MECHANISM_PARAM_INVALID;
  if (operation->mechanism->parameter == PARAMETER_GCM && length == sizeof gcm) {
    memcpy(&gcm, parameter, sizeof gcm);
    *message = (struct message){gcm.pIv, gcm.pTag, gcm.ulIvLen, gcm.ulIvFixedBits, gcm.ivGenerator, gcm.ulTagBits / 8, 0};
    if (gcm.ulTagBits % 8 != 0) return CKR_MECHANISM_PARAM_INVALID;
  } else if (operation->mechanism->parameter == PARAMETER_CCM && length == sizeof ccm) {
    memcpy(&ccm, parameter, sizeof ccm);
    *message = (struct message){ccm.pNonce,         ccm.pMAC,     ccm.ulNonceLen, ccm.ulNonceFixedBits,
                                ccm.nonceGenerator, ccm.ulMACLen, ccm.ulDataLen};
  } else {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  bool good = message->iv != NULL && message->iv_length <= PARAMETER_IV_MAX && message->tag != NULL &&
              message->fixed_bits <= 8 * message->iv_length && message->generator <= CKG_GENERATE_COUNTER_XOR;
  return good ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

/* Puts bits behind the fixed ones of an IV, or adds them to what is there (exclusive or). */
static void set_free_bits(const struct message *message, const uint8_t *bits, bool add) {
  for (CK_ULONG i = 0; i < message->iv_length; i++) {
    CK_ULONG start = 8 * i;
    uint8_t fixed = message->fixed_bits <= start ? 0x00
                    : message->fixed_bits >= start + 8 ? 0xff
                                                       : (uint8_t)~(0xff >> (message->fixed_bits - start));
    uint8_t value = (uint8_t)(add ? message->iv[i] ^ bits[i] : bits[i]);
    message->iv[i] = (uint8_t)((message->iv[i] & fixed) | (value & ~fixed));
  }
}

/* Makes the IV of the next message, or takes the caller's. No IV is made twice in an operation. */
static CK_RV make_iv(struct library *library, struct operation *operation, const struct message *message) {
  uint8_t bits[PARAMETER_IV_MAX] = {0};
  CK_ULONG free_bits = 8 * message->iv_length - message->fixed_bits;
  if (message->generator == CKG_NO_GENERATE) return CKR_OK;
  /* SP 800-38D, 8.2.2: random IVs need 96 bits; 8.2.1: a counter needs to last. */
  if (free_bits == 0) return CKR_MECHANISM_PARAM_INVALID;
  if (message->generator == CKG_GENERATE || message->generator == CKG_GENERATE_RANDOM) {
    if (RAND_bytes_ex(library->libctx, bits, message->iv_length, 0) != 1) return CKR_HOST_MEMORY;
    set_free_bits(message, bits, false);
    return CKR_OK;
  }
  uint64_t number = operation->messages;
  if (free_bits < 64 && number >> free_bits != 0) return CKR_KEY_EXHAUSTED;
  for (CK_ULONG i = message->iv_length; i > 0 && number > 0; i--, number >>= 8) bits[i - 1] = (uint8_t)number;
  set_free_bits(message, bits, message->generator == CKG_GENERATE_COUNTER_XOR);
  operation->messages++;
  return CKR_OK;
}

/* Writes the parameter of the requests of this message. */
static CK_RV set_parameter(struct operation *operation, const struct message *message, const CK_BYTE *aad,
                           CK_ULONG aad_length) {
  struct buffer *xdr = &operation->parameter;
  buffer_clear(xdr);
  operation->tag_length = message->tag_length;
  operation->data_length = message->data_length;
  CK_RV rv = operation->mechanism->parameter == PARAMETER_GCM
                 ? parameter_put_gcm(xdr, message->iv, message->iv_length, aad, aad_length, 8 * message->tag_length)
                 : parameter_put_ccm(xdr, message->data_length, message->iv, message->iv_length, aad, aad_length,
                                     message->tag_length);
  return rv == CKR_OK && xdr->failed ? CKR_HOST_MEMORY : rv;
}

/* Sends a whole message. The output is as long as the data; the tag goes to, or comes from, the parameter. */
static CK_RV send_message(struct call *call, const struct operation *operation, bool decrypt,
                          const struct message *message, const CK_BYTE *data, size_t length, CK_BYTE *output) {
  struct library *library = call->library;
  size_t tag = message->tag_length, size, wanted = decrypt ? length : length + tag;
  struct buffer whole = {0};
  struct request *request = operation_request(library, operation, decrypt ? RPC_DECRYPT : RPC_ENCRYPT);
  if (request == NULL) return CKR_HOST_MEMORY;
  request->secret = true;
  if (decrypt) {
    buffer_append(&whole, data, length);
    buffer_append(&whole, message->tag, tag);
    xdr_put_opaque(&request->message, whole.bytes, whole.length);
    request->message.failed = request->message.failed || whole.failed;
    buffer_free(&whole);
  } else {
    xdr_put_opaque(&request->message, data, length);
  }
  CK_RV rv = operation_send(library, request);
  if (rv == CKR_ENCRYPTED_DATA_INVALID) rv = CKR_AEAD_DECRYPT_FAILED;
  if (rv == CKR_OK) {
    struct xdr_reader results = request_results(request);
    const uint8_t *bytes = xdr_get_opaque(&results, wanted, &size);
    if (bytes == NULL || size != wanted) {
      rv = appliance_malformed(library);
    } else {
      if (length > 0) memcpy(output, bytes, length);
      if (!decrypt) memcpy(message->tag, bytes + length, tag);
    }
  }
  request_release(&library->requests, request);
  return rv;
}

static CK_RV whole_message(struct call *call, struct operation *operation, bool decrypt, const void *parameter,
                           CK_ULONG parameter_length, const CK_BYTE *aad, CK_ULONG aad_length, const CK_BYTE *data,
                           CK_ULONG length, CK_BYTE *output, CK_ULONG *output_length) {
  struct message message;
  bool answered;
  if (operation->in_message) return CKR_OPERATION_ACTIVE;
  if (output_length == NULL || (data == NULL && length > 0)) return CKR_ARGUMENTS_BAD;
  CK_RV rv = operation_check_login(call, operation);
  if (rv == CKR_OK && length > LIMIT_SIGN_INPUT) rv = decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
  if (rv == CKR_OK) rv = read_message(operation, parameter, parameter_length, &message);
  if (rv != CKR_OK) return rv;
  rv = answer_length(length, output, output_length, &answered);
  if (answered) return rv;
  if (!decrypt) rv = make_iv(call->library, operation, &message);
  if (rv == CKR_OK) rv = set_parameter(operation, &message, aad, aad_length);
  if (rv == CKR_OK) rv = send_message(call, operation, decrypt, &message, data, length, output);
  if (rv == CKR_OK) *output_length = length;
  return rv;
}

static CK_RV begin_message(struct call *call, struct operation *operation, bool decrypt, const void *parameter,
                           CK_ULONG parameter_length, const CK_BYTE *aad, CK_ULONG aad_length) {
  struct message message;
  if (operation->in_message) return CKR_OPERATION_ACTIVE;
  CK_RV rv = operation_check_login(call, operation);
  if (rv == CKR_OK) rv = read_message(operation, parameter, parameter_length, &message);
  if (rv == CKR_OK && !decrypt) rv = make_iv(call->library, operation, &message);
  if (rv == CKR_OK) rv = set_parameter(operation, &message, aad, aad_length);
  operation->in_message = rv == CKR_OK;
  return rv;
}

static void end_message(struct operation *operation) {
  operation->in_message = false;
  buffer_wipe(&operation->data);
}

static CK_RV next_part(struct call *call, struct operation *operation, bool decrypt, const void *parameter,
                       CK_ULONG parameter_length, const CK_BYTE *part, CK_ULONG length, CK_BYTE *output,
                       CK_ULONG *output_length, CK_FLAGS flags) {
  struct message message;
  bool answered, last = (flags & CKF_END_OF_MESSAGE) != 0;
  if (!operation->in_message) return CKR_OPERATION_NOT_INITIALIZED;
  CK_RV rv = output_length == NULL || (part == NULL && length > 0) ? CKR_ARGUMENTS_BAD
                                                                    : operation_check_login(call, operation);
  if (rv == CKR_OK && length > LIMIT_SIGN_INPUT) rv = CKR_DATA_LEN_RANGE;
  if (rv == CKR_OK) rv = read_message(operation, parameter, parameter_length, &message);
  /* The tag has the length that it was begun with. */
  if (rv == CKR_OK && message.tag_length != operation->tag_length) rv = CKR_MECHANISM_PARAM_INVALID;
  if (rv == CKR_OK) {
    size_t all = operation->data.length + length;
    /* Nothing comes out before the last part; a query about another one is told what suffices in any case. */
    rv = answer_length(last ? all : output == NULL ? length : 0, output, output_length, &answered);
    if (answered) return rv;
    rv = operation_collect(operation, part, length, LIMIT_SIGN_INPUT);
    if (rv == CKR_OK && last) rv = send_message(call, operation, decrypt, &message, operation->data.bytes, all, output);
    if (rv == CKR_OK) *output_length = last ? all : 0;
  }
  if (rv == CKR_DATA_LEN_RANGE && decrypt) rv = CKR_ENCRYPTED_DATA_LEN_RANGE;
  if (rv != CKR_OK || last) end_message(operation);
  return rv;
}

#define MESSAGE_FUNCTIONS(name, kind, decrypt)                                                                         \
  CK_RV C_Message##name##Init(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey) {           \
    return operation_init(hSession, kind, pMechanism, hKey);                                                           \
  }                                                                                                                    \
  CK_RV C_##name##Message(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                       \
                          CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE *pInput,                     \
                          CK_ULONG ulInputLen, CK_BYTE *pOutput, CK_ULONG *pulOutputLen) {                             \
    struct call call;                                                                                                  \
    struct operation *operation;                                                                                       \
    CK_RV rv = operation_call(&call, hSession, kind, &operation);                                                      \
    if (rv != CKR_OK) return rv;                                                                                       \
    return call_end(&call, whole_message(&call, operation, decrypt, pParameter, ulParameterLen, pAssociatedData,       \
                                         ulAssociatedDataLen, pInput, ulInputLen, pOutput, pulOutputLen));             \
  }                                                                                                                    \
  CK_RV C_##name##MessageBegin(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                  \
                               CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen) {                               \
    struct call call;                                                                                                  \
    struct operation *operation;                                                                                       \
    CK_RV rv = operation_call(&call, hSession, kind, &operation);                                                      \
    if (rv != CKR_OK) return rv;                                                                                       \
    return call_end(&call, begin_message(&call, operation, decrypt, pParameter, ulParameterLen, pAssociatedData,       \
                                         ulAssociatedDataLen));                                                        \
  }                                                                                                                    \
  CK_RV C_##name##MessageNext(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pPart,   \
                              CK_ULONG ulPartLen, CK_BYTE *pOutput, CK_ULONG *pulOutputLen, CK_FLAGS flags) {          \
    struct call call;                                                                                                  \
    struct operation *operation;                                                                                       \
    CK_RV rv = operation_call(&call, hSession, kind, &operation);                                                      \
    if (rv != CKR_OK) return rv;                                                                                       \
    return call_end(&call, next_part(&call, operation, decrypt, pParameter, ulParameterLen, pPart, ulPartLen,          \
                                     pOutput, pulOutputLen, flags));                                                   \
  }                                                                                                                    \
  CK_RV C_Message##name##Final(CK_SESSION_HANDLE hSession) {                                                           \
    struct call call;                                                                                                  \
    struct operation *operation;                                                                                       \
    CK_RV rv = operation_call(&call, hSession, kind, &operation);                                                      \
    if (rv != CKR_OK) return rv;                                                                                       \
    operation_end(operation);                                                                                          \
    return call_end(&call, CKR_OK);                                                                                    \
  }

MESSAGE_FUNCTIONS(Encrypt, OPERATION_MESSAGE_ENCRYPT, false)
MESSAGE_FUNCTIONS(Decrypt, OPERATION_MESSAGE_DECRYPT, true)
