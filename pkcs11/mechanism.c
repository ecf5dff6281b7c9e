#include "mechanism.h"

#include <stddef.h>

static const struct mechanism table[] = {
#define MECHANISM_ROW(type, flags, key_type, other_key_type, digest, parameter, parts)                                  \
  {type, flags, {key_type, other_key_type}, digest, parameter, parts},
    MECHANISM_TABLE(MECHANISM_ROW)
#undef MECHANISM_ROW
};

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type, CK_FLAGS flags) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].type == type) return flags == 0 || (table[i].flags & flags) != 0 ? &table[i] : NULL;
  }
  return NULL;
}

bool mechanism_takes(const struct mechanism *mechanism, CK_KEY_TYPE key_type) {
  return mechanism->key_types[0] == key_type || mechanism->key_types[1] == key_type;
}

bool is_secret_key_type(CK_KEY_TYPE key_type) {
  switch (key_type) {
    case CKK_RSA:
    case CKK_EC:
    case CKK_EC_EDWARDS:
    case CKK_EC_MONTGOMERY:
    case CKK_ML_DSA:
    case CKK_SLH_DSA:
    case CKK_ML_KEM:
      return false;
    default:
      return true;
  }
}

size_t mechanism_mac_length(const struct mechanism *mechanism) {
  if (mechanism->type == CKM_AES_CMAC || mechanism->type == CKM_AES_CMAC_GENERAL) return 16;
  /* The second key type of an HMAC names its digest. */
  switch (mechanism->key_types[1]) {
    case CKK_SHA_1_HMAC:
      return digest_length(DIGEST_SHA1);
    case CKK_SHA224_HMAC:
      return digest_length(DIGEST_SHA224);
    case CKK_SHA256_HMAC:
      return digest_length(DIGEST_SHA256);
    case CKK_SHA384_HMAC:
      return digest_length(DIGEST_SHA384);
    case CKK_SHA512_HMAC:
      return digest_length(DIGEST_SHA512);
    case CKK_SHA512_224_HMAC:
      return digest_length(DIGEST_SHA512_224);
    case CKK_SHA512_256_HMAC:
      return digest_length(DIGEST_SHA512_256);
    case CKK_SHA3_224_HMAC:
      return digest_length(DIGEST_SHA3_224);
    case CKK_SHA3_256_HMAC:
      return digest_length(DIGEST_SHA3_256);
    case CKK_SHA3_384_HMAC:
      return digest_length(DIGEST_SHA3_384);
    case CKK_SHA3_512_HMAC:
      return digest_length(DIGEST_SHA3_512);
    default:
      return 0;
  }
}
