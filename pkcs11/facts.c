#include "facts.h"

#include <stdlib.h>
#include <string.h>

#include "template.h"

enum { ATTRIBUTE_SIZE = 8 };

struct facts *facts_decode(struct xdr_reader *in) {
  uint32_t count = xdr_get_count(in, LIMIT_ATTRIBUTES, ATTRIBUTE_SIZE);
  size_t start = in->offset;
  size_t bytes = 0;
  for (uint32_t i = 0; i < count; i++) {
    size_t length;
    xdr_get_u32(in);
    xdr_get_opaque(in, LIMIT_ATTRIBUTE_VALUE, &length);
    bytes += length;
  }
  if (in->failed) return NULL;
  size_t size = sizeof(struct facts) + count * sizeof(struct attribute) + bytes;
  struct facts *facts = malloc(size);
  if (facts == NULL) return NULL;
  facts->references = 1;
  facts->secret = false;
  facts->size = size;
  facts->public_key = NULL;
  facts->count = count;
  uint8_t *value = (uint8_t *)&facts->attributes[count];
  in->offset = start;
  for (uint32_t i = 0; i < count; i++) {
    struct attribute *attribute = &facts->attributes[i];
    size_t length;
    attribute->type = xdr_get_u32(in);
    const uint8_t *sent = xdr_get_opaque(in, LIMIT_ATTRIBUTE_VALUE, &length);
    if (length > 0) memcpy(value, sent, length);
    attribute->value = value;
    attribute->length = (uint32_t)length;
    value += length;
  }
  return facts;
}

struct facts *facts_retain(struct facts *facts) {
  atomic_fetch_add(&facts->references, 1);
  return facts;
}

void facts_release(struct facts *facts) {
  if (facts == NULL || atomic_fetch_sub(&facts->references, 1) != 1) return;
  EVP_PKEY_free(facts->public_key);
  if (facts->secret) explicit_bzero(facts, facts->size);
  free(facts);
}

const struct attribute *facts_find(const struct facts *facts, CK_ATTRIBUTE_TYPE type) {
  for (size_t i = 0; i < facts->count; i++) {
    if (facts->attributes[i].type == type) return &facts->attributes[i];
  }
  return NULL;
}

CK_ULONG facts_number(const struct facts *facts, CK_ATTRIBUTE_TYPE type) {
  const struct attribute *attribute = facts_find(facts, type);
  CK_ULONG number = 0;
  if (attribute == NULL || (attribute->length != 4 && attribute->length != 8)) return CK_UNAVAILABLE_INFORMATION;
  memcpy(&number, attribute->value, attribute->length);
  return number;
}

bool facts_flag(const struct facts *facts, CK_ATTRIBUTE_TYPE type) {
  const struct attribute *attribute = facts_find(facts, type);
  return attribute != NULL && attribute->length == 1 && attribute->value[0] != CK_FALSE;
}

bool facts_is_secret(const struct facts *facts, CK_ATTRIBUTE_TYPE type) {
  CK_KEY_TYPE key_type = facts_number(facts, CKA_KEY_TYPE);
  switch (facts_number(facts, CKA_CLASS)) {
    case CKO_SECRET_KEY:
      return type == CKA_VALUE;
    case CKO_PRIVATE_KEY:
      if (key_type == CKK_RSA) return type >= CKA_PRIVATE_EXPONENT && type <= CKA_COEFFICIENT;
      return type == CKA_VALUE || (type == CKA_SEED && (key_type == CKK_ML_DSA || key_type == CKK_ML_KEM));
    case CKO_DATA:
      return type == CKA_VALUE && facts_find(facts, type) == NULL;
    default:
      return false;
  }
}

/* CK_ULONG attributes written by a 32-bit client have 4 bytes; a caller here expects 8. */
static bool is_short_number(const struct attribute *attribute) {
  switch (attribute->type) {
    case CKA_CLASS:
    case CKA_KEY_TYPE:
    case CKA_MODULUS_BITS:
    case CKA_VALUE_LEN:
    case CKA_KEY_GEN_MECHANISM:
    case CKA_CERTIFICATE_TYPE:
    case CKA_CERTIFICATE_CATEGORY:
    case CKA_PARAMETER_SET:
      return attribute->length == 4;
    default:
      return false;
  }
}

static CK_RV answer_bytes(CK_ATTRIBUTE *asked, const void *value, size_t length) {
  if (asked->pValue == NULL) {
    asked->ulValueLen = length;
  } else if (asked->ulValueLen < length) {
    asked->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_BUFFER_TOO_SMALL;
  } else {
    if (length > 0) memcpy(asked->pValue, value, length);
    asked->ulValueLen = length;
  }
  return CKR_OK;
}

/* An array of attributes: the caller's array says for each member where its value goes. */
static CK_RV answer_nested(CK_ATTRIBUTE *asked, const struct attribute *attribute) {
  struct xdr_reader in = {attribute->value, attribute->length, 0, false};
  uint32_t count = xdr_get_count(&in, NESTED_MAX, ATTRIBUTE_SIZE);
  size_t size = count * sizeof(CK_ATTRIBUTE);
  if (asked->pValue == NULL || asked->ulValueLen < size) {
    bool query = asked->pValue == NULL;
    asked->ulValueLen = query ? size : CK_UNAVAILABLE_INFORMATION;
    return query ? CKR_OK : CKR_BUFFER_TOO_SMALL;
  }
  CK_ATTRIBUTE *members = asked->pValue;
  CK_RV rv = CKR_OK;
  for (uint32_t i = 0; i < count; i++) {
    size_t length;
    members[i].type = xdr_get_u32(&in);
    const uint8_t *value = xdr_get_opaque(&in, LIMIT_ATTRIBUTE_VALUE, &length);
    CK_RV one = answer_bytes(&members[i], value, length);
    if (rv == CKR_OK) rv = one;
  }
  asked->ulValueLen = size;
  return rv;
}

static CK_RV answer_one(const struct facts *facts, const struct facts *secrets, CK_ATTRIBUTE *asked) {
  bool secret = facts_is_secret(facts, asked->type);
  const struct attribute *attribute = facts_find(facts, asked->type);
  if (secret) attribute = secrets == NULL ? NULL : facts_find(secrets, asked->type);
  if (attribute == NULL) {
    asked->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return secret && secrets == NULL ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID;
  }
  if (template_is_nested(asked->type)) return answer_nested(asked, attribute);
  CK_ULONG number = facts_number(facts, asked->type);
  bool is_short = is_short_number(attribute);
  return answer_bytes(asked, is_short ? (const void *)&number : attribute->value,
                      is_short ? sizeof number : attribute->length);
}

CK_RV facts_answer(const struct facts *facts, const struct facts *secrets, CK_ATTRIBUTE *asked, CK_ULONG count) {
  CK_RV rv = CKR_OK;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_RV one = answer_one(facts, secrets, &asked[i]);
    /* All are answered; which of several errors is returned is up to the library. */
    if (rv == CKR_OK) rv = one;
  }
  return rv;
}
