#include "operation.h"

#include <string.h>

#include "public_key.h"

/* Parameters of mechanisms that have none are not looked at: some callers leave garbage there. */
static CK_RV check_parameter(const CK_MECHANISM *mechanism) {
  if (mechanism->mechanism != CKM_EDDSA || mechanism->ulParameterLen == 0) return CKR_OK;
  const CK_EDDSA_PARAMS *params = mechanism->pParameter;
  if (params == NULL || mechanism->ulParameterLen != sizeof *params) return CKR_MECHANISM_PARAM_INVALID;
  /* Only pure EdDSA without context. */
  return params->phFlag || params->ulContextDataLen > 0 ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

static CK_RV check_key(const struct facts *facts, const struct mechanism *mechanism, CK_OBJECT_CLASS class,
                       CK_ATTRIBUTE_TYPE usage) {
  if (facts_number(facts, CKA_CLASS) != class) return CKR_KEY_TYPE_INCONSISTENT;
  if (facts_number(facts, CKA_KEY_TYPE) != mechanism->key_type) return CKR_KEY_TYPE_INCONSISTENT;
  return facts_flag(facts, usage) ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED;
}

CK_RV operation_begin(struct call *call, struct operation *operation, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE key, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE usage) {
  if (mechanism == NULL) {
    CK_RV rv = operation->active ? CKR_OK : CKR_ARGUMENTS_BAD;
    operation_end(operation);
    return rv;
  }
  if (operation->active) return CKR_OPERATION_ACTIVE;
  const struct mechanism *known = mechanism_find(mechanism->mechanism, USE_SIGN);
  if (known == NULL) return CKR_MECHANISM_INVALID;
  CK_RV rv = check_parameter(mechanism);
  if (rv != CKR_OK) return rv;
  struct object_view view;
  if (!object_table_look_up(call->library, key, &view)) return CKR_KEY_HANDLE_INVALID;
  rv = check_key(view.facts, known, class, usage);
  size_t length = signature_length(view.facts);
  if (rv == CKR_OK && length == 0) rv = CKR_KEY_TYPE_INCONSISTENT;
  if (rv == CKR_OK && known->digest != DIGEST_NONE && !digest_start(call->library, known->digest, &operation->digest))
    rv = CKR_HOST_MEMORY;
  if (rv != CKR_OK) {
    facts_release(view.facts);
    return rv;
  }
  operation->active = true;
  operation->parts = false;
  operation->mechanism = known;
  memcpy(operation->uuid, view.uuid, sizeof operation->uuid);
  operation->facts = view.facts;
  operation->signature_length = length;
  operation->private = view.private;
  operation->epoch = view.private ? login_epoch(call->library) : 0;
  return CKR_OK;
}

/* An operation with a private key does not outlive the login it was begun in. */
static CK_RV check_login(struct call *call, const struct operation *operation) {
  if (!operation->private || operation->epoch == login_epoch(call->library)) return CKR_OK;
  return CKR_USER_NOT_LOGGED_IN;
}

CK_RV operation_update(struct call *call, struct operation *operation, const uint8_t *part, CK_ULONG length) {
  CK_RV rv = part == NULL && length > 0 ? CKR_ARGUMENTS_BAD : check_login(call, operation);
  if (rv != CKR_OK) return rv;
  operation->parts = true;
  if (operation->mechanism->digest != DIGEST_NONE)
    return length == 0 || EVP_DigestUpdate(operation->digest, part, length) == 1 ? CKR_OK : CKR_HOST_MEMORY;
  if (length > LIMIT_SIGN_INPUT || operation->data.length > LIMIT_SIGN_INPUT - length) return CKR_DATA_LEN_RANGE;
  return buffer_append(&operation->data, part, length) ? CKR_OK : CKR_HOST_MEMORY;
}

/* PKCS#1 v1.5 padding takes 11 bytes (RFC 8017, 9.2). */
static CK_RV check_length(const struct operation *operation, size_t length) {
  if (operation->mechanism->raw == CKM_RSA_PKCS && length + 11 > operation->signature_length) return CKR_DATA_LEN_RANGE;
  return length > LIMIT_SIGN_INPUT ? CKR_DATA_LEN_RANGE : CKR_OK;
}

static CK_RV input_from_digest(struct operation *operation, struct raw_input *input) {
  enum digest digest = operation->mechanism->digest;
  uint8_t value[EVP_MAX_MD_SIZE];
  if (EVP_DigestFinal_ex(operation->digest, value, NULL) != 1) return CKR_HOST_MEMORY;
  input->bytes = input->made;
  if (operation->mechanism->raw == CKM_RSA_PKCS) {
    input->length = digest_info(digest, value, input->made);
  } else {
    input->length = digest_length(digest);
    memcpy(input->made, value, input->length);
  }
  return check_length(operation, input->length);
}

CK_RV operation_input(struct call *call, struct operation *operation, const uint8_t *data, CK_ULONG length,
                      struct raw_input *input) {
  CK_RV rv = data == NULL && length > 0 ? CKR_ARGUMENTS_BAD : check_login(call, operation);
  if (rv != CKR_OK) return rv;
  if (operation->mechanism->digest != DIGEST_NONE) {
    if (length > 0 && EVP_DigestUpdate(operation->digest, data, length) != 1) return CKR_HOST_MEMORY;
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
