#include "operation.h"

#include <string.h>

#include "appliance.h"
#include "key_sizes.h"
#include "offer.h"
#include "parameters.h"

/* For each kind: the flag of the mechanism, the usage attribute of the key, and its class if it is no secret key. */
static const struct {
  CK_FLAGS flag;
  CK_ATTRIBUTE_TYPE usage;
  CK_OBJECT_CLASS class;
} kinds[OPERATIONS] = {
    [OPERATION_ENCRYPT] = {CKF_ENCRYPT, CKA_ENCRYPT, CKO_PUBLIC_KEY},
    [OPERATION_DECRYPT] = {CKF_DECRYPT, CKA_DECRYPT, CKO_PRIVATE_KEY},
    [OPERATION_SIGN] = {CKF_SIGN, CKA_SIGN, CKO_PRIVATE_KEY},
    [OPERATION_SIGN_RECOVER] = {CKF_SIGN_RECOVER, CKA_SIGN_RECOVER, CKO_PRIVATE_KEY},
    [OPERATION_VERIFY] = {CKF_VERIFY, CKA_VERIFY, CKO_PUBLIC_KEY},
    [OPERATION_VERIFY_RECOVER] = {CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER, CKO_PUBLIC_KEY},
    [OPERATION_MESSAGE_ENCRYPT] = {CKF_MESSAGE_ENCRYPT, CKA_ENCRYPT, CKO_PUBLIC_KEY},
    [OPERATION_MESSAGE_DECRYPT] = {CKF_MESSAGE_DECRYPT, CKA_DECRYPT, CKO_PRIVATE_KEY},
    [OPERATION_MESSAGE_SIGN] = {CKF_MESSAGE_SIGN, CKA_SIGN, CKO_PRIVATE_KEY},
    [OPERATION_MESSAGE_VERIFY] = {CKF_MESSAGE_VERIFY, CKA_VERIFY, CKO_PUBLIC_KEY},
};

/* CKA_ALLOWED_MECHANISMS (4.8): an absent or empty list restricts nothing. */
static bool is_allowed(const struct facts *facts, CK_MECHANISM_TYPE type) {
  const struct attribute *allowed = facts_find(facts, CKA_ALLOWED_MECHANISMS);
  if (allowed == NULL || allowed->length == 0) return true;
  for (size_t at = 0; at + sizeof type <= allowed->length; at += sizeof type) {
    if (memcmp(allowed->value + at, &type, sizeof type) == 0) return true;
  }
  return false;
}

static CK_RV check_key(const struct facts *facts, const struct mechanism *mechanism, enum operation_kind kind) {
  CK_KEY_TYPE type = facts_number(facts, CKA_KEY_TYPE);
  CK_OBJECT_CLASS class = facts_number(facts, CKA_CLASS), wanted = kinds[kind].class;
  if (class != CKO_PUBLIC_KEY && class != CKO_PRIVATE_KEY && class != CKO_SECRET_KEY) return CKR_KEY_HANDLE_INVALID;
  if (!mechanism_takes(mechanism, type)) return CKR_KEY_TYPE_INCONSISTENT;
  if (class != (is_secret_key_type(type) ? CKO_SECRET_KEY : wanted)) return CKR_KEY_TYPE_INCONSISTENT;
  if (!facts_flag(facts, kinds[kind].usage)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  /* To the appliance a signature with recovery is a signature. */
  if (kind == OPERATION_SIGN_RECOVER && !facts_flag(facts, CKA_SIGN)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  return is_allowed(facts, mechanism->type) ? CKR_OK : CKR_MECHANISM_INVALID;
}

/* Message functions get the parameter with each message; what is given here is not looked at. */
static bool has_parameter(enum operation_kind kind) {
  return kind != OPERATION_MESSAGE_ENCRYPT && kind != OPERATION_MESSAGE_DECRYPT;
}

static bool makes_signatures(enum operation_kind kind) {
  return kind == OPERATION_SIGN || kind == OPERATION_SIGN_RECOVER || kind == OPERATION_VERIFY ||
         kind == OPERATION_VERIFY_RECOVER || kind == OPERATION_MESSAGE_SIGN || kind == OPERATION_MESSAGE_VERIFY;
}

/* Takes over what was found; the key and the parameter are good. */
static CK_RV set_up(struct call *call, struct operation *operation, enum operation_kind kind,
                    const struct mechanism *mechanism, const struct parameter_facts *known,
                    const struct object_view *view) {
  if (makes_signatures(kind)) {
    operation->signature_length =
        known->tag_length > 0 ? known->tag_length : signature_length(view->facts, mechanism);
    if (operation->signature_length == 0) return CKR_KEY_TYPE_INCONSISTENT;
    if (mechanism->digest != DIGEST_NONE && !digest_begin(call->library, mechanism->digest, &operation->digest))
      return CKR_HOST_MEMORY;
  }
  operation->mechanism = mechanism;
  operation->tag_length = known->tag_length;
  operation->data_length = known->data_length;
  operation->chain = (struct chain){.counter_bits = known->counter_bits};
  memcpy(operation->chain.block, known->block, BLOCK);
  operation->locked = kinds[kind].class == CKO_PRIVATE_KEY && facts_flag(view->facts, CKA_ALWAYS_AUTHENTICATE);
  memcpy(operation->uuid, view->uuid, sizeof operation->uuid);
  operation->facts = view->facts;
  operation->private = view->private;
  operation->epoch = view->private ? login_epoch(call->library) : 0;
  operation->active = true;
  return CKR_OK;
}

CK_RV operation_begin(struct call *call, enum operation_kind kind, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE key) {
  struct operation *operation = &call->session->operations[kind];
  if (mechanism == NULL) {
    CK_RV rv = operation->active ? CKR_OK : CKR_ARGUMENTS_BAD;
    operation_end(operation);
    return rv;
  }
  if (operation->active) return CKR_OPERATION_ACTIVE;
  const struct mechanism *known = mechanism_find(mechanism->mechanism, kinds[kind].flag);
  if (known == NULL || !is_offered(call->library, known)) return CKR_MECHANISM_INVALID;
  struct object_view view;
  if (!object_table_look_up(call->library, key, &view)) return CKR_KEY_HANDLE_INVALID;
  struct parameter_facts facts = {0};
  CK_RV rv = check_key(view.facts, known, kind);
  if (rv == CKR_OK && has_parameter(kind))
    rv = parameter_encode(call->library, known, mechanism, &facts, &operation->parameter);
  if (rv == CKR_OK && operation->parameter.failed) rv = CKR_HOST_MEMORY;
  if (rv == CKR_OK) rv = set_up(call, operation, kind, known, &facts, &view);
  if (rv != CKR_OK) {
    facts_release(view.facts);
    operation_end(operation);
  }
  return rv;
}

CK_RV operation_init(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
                     CK_OBJECT_HANDLE key) {
  struct call call;
  CK_RV rv = call_begin(&call, session);
  return rv != CKR_OK ? rv : call_end(&call, operation_begin(&call, kind, mechanism, key));
}

CK_RV operation_call(struct call *call, CK_SESSION_HANDLE session, enum operation_kind kind,
                     struct operation **operation) {
  CK_RV rv = call_begin(call, session);
  if (rv != CKR_OK) return rv;
  *operation = &call->session->operations[kind];
  return (*operation)->active ? CKR_OK : call_end(call, CKR_OPERATION_NOT_INITIALIZED);
}

/* An operation with a private key does not outlive the login it was begun in. */
CK_RV operation_check_login(struct call *call, const struct operation *operation) {
  if (operation->private && operation->epoch != login_epoch(call->library)) return CKR_USER_NOT_LOGGED_IN;
  return operation->locked ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

CK_RV operation_collect(struct operation *operation, const uint8_t *part, CK_ULONG length, size_t limit) {
  if (length > limit || operation->data.length > limit - length) return CKR_DATA_LEN_RANGE;
  return buffer_append(&operation->data, part, length) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV operation_update(struct call *call, struct operation *operation, const uint8_t *part, CK_ULONG length) {
  CK_RV rv = part == NULL && length > 0 ? CKR_ARGUMENTS_BAD : operation_check_login(call, operation);
  if (rv != CKR_OK) return rv;
  operation->parts = true;
  if (operation->mechanism->digest != DIGEST_NONE)
    return digest_update(&operation->digest, part, length) ? CKR_OK : CKR_HOST_MEMORY;
  return operation_collect(operation, part, length, LIMIT_SIGN_INPUT);
}

/* PKCS#1 v1.5 padding takes 11 bytes (RFC 8017, 9.2); raw RSA takes a number below the modulus. */
static CK_RV check_length(const struct operation *operation, size_t length) {
  CK_MECHANISM_TYPE type = operation->mechanism->type;
  if (type == CKM_RSA_PKCS && length + 11 > operation->signature_length) return CKR_DATA_LEN_RANGE;
  if (type == CKM_RSA_X_509 && length > operation->signature_length) return CKR_DATA_LEN_RANGE;
  return length > LIMIT_SIGN_INPUT ? CKR_DATA_LEN_RANGE : CKR_OK;
}

static CK_RV input_from_digest(struct operation *operation, struct raw_input *input) {
  if (!digest_finish(&operation->digest, input->made)) return CKR_HOST_MEMORY;
  input->bytes = input->made;
  input->length = digest_length(operation->mechanism->digest);
  return CKR_OK;
}

CK_RV operation_input(struct call *call, struct operation *operation, const uint8_t *data, CK_ULONG length,
                      struct raw_input *input) {
  CK_RV rv = data == NULL && length > 0 ? CKR_ARGUMENTS_BAD : operation_check_login(call, operation);
  if (rv != CKR_OK) return rv;
  if (operation->mechanism->digest != DIGEST_NONE) {
    if (!digest_update(&operation->digest, data, length)) return CKR_HOST_MEMORY;
    return input_from_digest(operation, input);
  }
  input->bytes = data;
  input->length = length;
  return check_length(operation, length);
}

CK_RV operation_final_input(struct operation *operation, struct raw_input *input) {
  if (operation->mechanism->digest != DIGEST_NONE) return input_from_digest(operation, input);
  input->bytes = operation->data.bytes;
  input->length = operation->data.length;
  return check_length(operation, input->length);
}

struct request *operation_request(struct library *library, const struct operation *operation, uint32_t function) {
  struct request *request = request_new(&library->requests, function);
  if (request == NULL) return NULL;
  request->personal = facts_flag(operation->facts, CKA_ALWAYS_AUTHENTICATE);
  /* Unlocked by C_Login with CKU_CONTEXT_SPECIFIC: a lost connection takes that with it. */
  if (request->personal && !operation->locked && facts_number(operation->facts, CKA_CLASS) == CKO_PRIVATE_KEY)
    request->context_key = operation->uuid;
  xdr_put_uuid(&request->message, operation->uuid);
  xdr_put_u32(&request->message, (uint32_t)operation->mechanism->type);
  xdr_put_opaque(&request->message, operation->parameter.bytes, operation->parameter.length);
  return request;
}

CK_RV operation_send(struct library *library, struct request *request) {
  CK_RV rv = appliance_call(library, request, CALL_NORMAL);
  return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

/* Keeps the memory of a buffer that was used; most operations leave most of them alone. */
static void forget(struct buffer *buffer) {
  if (buffer->capacity > 0) buffer_wipe(buffer);
}

void operation_end(struct operation *operation) {
  facts_release(operation->facts);
  operation->facts = NULL;
  operation->active = operation->parts = operation->presented = operation->in_message = operation->answered = false;
  operation->locked = operation->forgotten = false;
  operation->messages = 0;
  digest_clear(&operation->digest);
  forget(&operation->parameter);
  forget(&operation->data);
  forget(&operation->result);
}

void operation_free(struct operation *operation) {
  operation_end(operation);
  digest_free(&operation->digest);
  buffer_free(&operation->parameter);
  buffer_free(&operation->data);
  buffer_free(&operation->result);
}
