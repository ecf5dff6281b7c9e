#include "template.h"

CK_RV template_check(const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  if (attributes == NULL && count > 0) return CKR_ARGUMENTS_BAD;
  if (count > LIMIT_ATTRIBUTES) return CKR_ARGUMENTS_BAD;
  for (CK_ULONG i = 0; i < count; i++) {
    if (attributes[i].ulValueLen > LIMIT_ATTRIBUTE_VALUE) return CKR_ATTRIBUTE_VALUE_INVALID;
    if (attributes[i].pValue == NULL && attributes[i].ulValueLen > 0) return CKR_ATTRIBUTE_VALUE_INVALID;
    /* Attribute types have 32 bits on the wire. */
    if (attributes[i].type > UINT32_MAX) return CKR_ATTRIBUTE_TYPE_INVALID;
  }
  return CKR_OK;
}

void template_put(struct buffer *out, const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  xdr_put_u32(out, (uint32_t)count);
  for (CK_ULONG i = 0; i < count; i++) {
    xdr_put_u32(out, (uint32_t)attributes[i].type);
    xdr_put_opaque(out, attributes[i].pValue, attributes[i].ulValueLen);
  }
}

bool template_flag(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_ATTRIBUTE_TYPE type, bool missing) {
  for (CK_ULONG i = 0; i < count; i++) {
    if (attributes[i].type == type && attributes[i].ulValueLen == 1) return *(const CK_BBOOL *)attributes[i].pValue != 0;
  }
  return missing;
}
