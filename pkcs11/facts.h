/* All that is public about one object: its attributes as the appliance sent them. Never changed once made. */
#ifndef DKS_FACTS_H
#define DKS_FACTS_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "cryptoki.h"
#include "xdr.h"

/* Small: a program that lists 100,000 objects holds some 3 million of them. The protocol has 32-bit types and lengths. */
struct attribute {
  uint32_t type, length;
  const uint8_t *value;
};

struct facts {
  _Atomic int references;
  /* The public key for checking signatures, made when first needed. */
  _Atomic(EVP_PKEY *) public_key;
  /* Values of keys: overwritten in the end. */
  bool secret;
  size_t size;
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

/* Whether an attribute is one that the object has, but that is no public fact: the value of a key or a private object. */
bool facts_is_secret(const struct facts *facts, CK_ATTRIBUTE_TYPE type);

/* C_GetAttributeValue on these facts, and on the secret ones if they are known (PKCS#11 5.7.5). */
CK_RV facts_answer(const struct facts *facts, const struct facts *secrets, CK_ATTRIBUTE *asked, CK_ULONG count);

#endif
