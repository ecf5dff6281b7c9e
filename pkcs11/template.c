#include "template.h"

bool template_is_nested(CK_ATTRIBUTE_TYPE type) {
  switch (type) {
    case CKA_WRAP_TEMPLATE:
    case CKA_UNWRAP_TEMPLATE:
    case CKA_DERIVE_TEMPLATE:
    case CKA_ENCAPSULATE_TEMPLATE:
    case CKA_DECAPSULATE_TEMPLATE:
      return true;
    default:
      return false;
  }
}

/* Bytes of a nested template on the wire. */
static size_t nested_size(const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  size_t size = 4;
  for (CK_ULONG i = 0; i < count; i++) size += 8 + ((attributes[i].ulValueLen + 3) & ~3UL);
  return size;
}

static CK_RV check_one(const CK_ATTRIBUTE *attribute, bool nested) {
  if (attribute->ulValueLen > LIMIT_ATTRIBUTE_VALUE) return CKR_ATTRIBUTE_VALUE_INVALID;
  if (attribute->pValue == NULL && attribute->ulValueLen > 0) return CKR_ATTRIBUTE_VALUE_INVALID;
  /* Attribute types have 32 bits on the wire. */
  if (attribute->type > UINT32_MAX) return CKR_ATTRIBUTE_TYPE_INVALID;
  if (!template_is_nested(attribute->type)) return CKR_OK;
  CK_ULONG count = attribute->ulValueLen / sizeof *attribute;
  if (nested || attribute->ulValueLen % sizeof *attribute != 0 || count > NESTED_MAX) return CKR_ATTRIBUTE_VALUE_INVALID;
  const CK_ATTRIBUTE *inner = attribute->pValue;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_RV rv = check_one(&inner[i], true);
    if (rv != CKR_OK) return rv;
  }
  return nested_size(inner, count) > LIMIT_ATTRIBUTE_VALUE ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
}

CK_RV template_check(const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  if (attributes == NULL && count > 0) return CKR_ARGUMENTS_BAD;
  if (count > LIMIT_ATTRIBUTES) return CKR_ARGUMENTS_BAD;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_RV rv = check_one(&attributes[i], false);
    if (rv != CKR_OK) return rv;
  }
  return CKR_OK;
}

/* The value of a nested template is a list like the template around it. */
void template_put(struct buffer *out, const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  xdr_put_u32(out, (uint32_t)count);
  for (CK_ULONG i = 0; i < count; i++) {
    xdr_put_u32(out, (uint32_t)attributes[i].type);
    if (template_is_nested(attributes[i].type)) {
      CK_ULONG inner = attributes[i].ulValueLen / sizeof attributes[i];
      xdr_put_u32(out, (uint32_t)nested_size(attributes[i].pValue, inner));
      template_put(out, attributes[i].pValue, inner);
    } else {
      xdr_put_opaque(out, attributes[i].pValue, attributes[i].ulValueLen);
    }
  }
}

bool template_flag(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_ATTRIBUTE_TYPE type, bool missing) {
  for (CK_ULONG i = 0; i < count; i++) {
    if (attributes[i].type == type && attributes[i].ulValueLen == 1) return *(const CK_BBOOL *)attributes[i].pValue != 0;
  }
  return missing;
}
