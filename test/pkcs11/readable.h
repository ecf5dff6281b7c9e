/* Secret keys whose value a test may read. */
#ifndef DKS_TEST_READABLE_H
#define DKS_TEST_READABLE_H

#include "checks.h"

static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
static CK_BYTE value[256];

/* The value of a key that may be read. */
static inline CK_ULONG read_value(CK_OBJECT_HANDLE key) {
  CK_ATTRIBUTE asked = {CKA_VALUE, NULL, 0};
  OK(p11->C_GetAttributeValue(session, key, &asked, 1));
  CHECK(asked.ulValueLen <= sizeof value);
  asked.pValue = value;
  OK(p11->C_GetAttributeValue(session, key, &asked, 1));
  return asked.ulValueLen;
}

static inline void check_value(CK_OBJECT_HANDLE key, const char *wanted) { check_hex(wanted, value, read_value(key)); }

/* The template of a secret key that may be read; up to `lengths` attributes. */
#define READABLE(type, length)                                                                                         \
  {                                                                                                                    \
    {CKA_CLASS, &secret_class, sizeof secret_class}, {CKA_KEY_TYPE, &type, sizeof type}, {CKA_TOKEN, &no, 1},          \
        {CKA_SENSITIVE, &no, 1}, {CKA_EXTRACTABLE, &yes, 1}, {CKA_VALUE_LEN, &length, sizeof length}                   \
  }

#endif
