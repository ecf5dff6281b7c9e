/* All that is public about one object: its attributes as the appliance sent them. Never changed once made. */
#ifndef DKS_FACTS_H
#define DKS_FACTS_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "cryptoki.h"
#include "xdr.h"

struct attribute {
  CK_ATTRIBUTE_TYPE type;
  const uint8_t *value;
  size_t length;
};

struct facts {
  _Atomic int references;
  /* The public key for checking signatures, made when first needed. */
  _Atomic(EVP_PKEY *) public_key;
  size_t count;
  struct attribute attributes[];
};

/* Reads an attribute list from a reply; NULL if it is malformed or without memory. */
struct facts *facts_decode(struct xdr_reader *in);
struct facts *facts_retain(struct facts *facts);
void facts_release(struct facts *facts);
/* NULL if the object has no such attribute. */
const struct attribute *facts_find(const struct facts *facts, CK_ATTRIBUTE_TYPE type);
/* A CK_ULONG attribute (4 or 8 bytes little-endian), CK_UNAVAILABLE_INFORMATION if it is missing. */
CK_ULONG facts_number(const struct facts *facts, CK_ATTRIBUTE_TYPE type);
/* A CK_BBOOL attribute, CK_FALSE if it is missing. */
bool facts_flag(const struct facts *facts, CK_ATTRIBUTE_TYPE type);

/* C_GetAttributeValue on these facts (PKCS#11 5.7.5). */
CK_RV facts_answer(const struct facts *facts, CK_ATTRIBUTE *asked, CK_ULONG count);

#endif
