/* Templates of the application. */
#ifndef DKS_TEMPLATE_H
#define DKS_TEMPLATE_H

#include "cryptoki.h"
#include "xdr.h"

/* Attributes in an attribute that is a template itself. */
enum { NESTED_MAX = 64 };

/* Whether the value of an attribute is an array of attributes, such as CKA_WRAP_TEMPLATE. */
bool template_is_nested(CK_ATTRIBUTE_TYPE type);
/* Whether a template can be sent: CKR_OK, or why not. */
CK_RV template_check(const CK_ATTRIBUTE *attributes, CK_ULONG count);
void template_put(struct buffer *out, const CK_ATTRIBUTE *attributes, CK_ULONG count);
/* The value of a CK_BBOOL attribute, `missing` if it is not in the template. */
bool template_flag(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_ATTRIBUTE_TYPE type, bool missing);

#endif
