#include "key_sizes.h"

#include <string.h>

static const struct curve curves[] = {
#define CURVE_ROW(params, params_length, private_length, signature_length, point_length, name)                         \
  {params, params_length, private_length, signature_length, point_length, name},
    CURVE_TABLE(CURVE_ROW)
#undef CURVE_ROW
};

const struct curve *find_curve(const struct facts *facts) {
  const struct attribute *params = facts_find(facts, CKA_EC_PARAMS);
  for (size_t i = 0; params != NULL && i < sizeof curves / sizeof curves[0]; i++) {
    if (params->length == curves[i].params_length && memcmp(params->value, curves[i].params, params->length) == 0)
      return &curves[i];
  }
  return NULL;
}

size_t modulus_length(const struct facts *facts) {
  const struct attribute *modulus = facts_find(facts, CKA_MODULUS);
  size_t zeros = 0;
  if (modulus == NULL) return 0;
  while (zeros < modulus->length && modulus->value[zeros] == 0) zeros++;
  return modulus->length - zeros;
}

/* The entry of a table for the key's CKA_PARAMETER_SET, which count from 1. */
static size_t by_parameter_set(const struct facts *facts, const uint16_t *sizes, size_t count) {
  CK_ULONG set = facts_number(facts, CKA_PARAMETER_SET);
  return set >= 1 && set <= count ? sizes[set - 1] : 0;
}

size_t signature_length(const struct facts *facts, const struct mechanism *mechanism) {
  /* FIPS 204, table 2; FIPS 205, table 2. */
  static const uint16_t ml_dsa[] = {2420, 3309, 4627};
  static const uint16_t slh_dsa[] = {7856, 7856, 17088, 17088, 16224, 16224, 35664, 35664, 29792, 29792, 49856, 49856};
  switch (facts_number(facts, CKA_KEY_TYPE)) {
    case CKK_RSA:
      return modulus_length(facts);
    case CKK_EC:
    case CKK_EC_EDWARDS: {
      const struct curve *curve = find_curve(facts);
      return curve == NULL ? 0 : curve->signature_length;
    }
    case CKK_ML_DSA:
      return by_parameter_set(facts, ml_dsa, sizeof ml_dsa / sizeof ml_dsa[0]);
    case CKK_SLH_DSA:
      return by_parameter_set(facts, slh_dsa, sizeof slh_dsa / sizeof slh_dsa[0]);
    default:
      return mechanism_mac_length(mechanism);
  }
}

size_t ciphertext_length(const struct facts *facts) {
  /* FIPS 203, table 3. */
  static const uint16_t ml_kem[] = {768, 1088, 1568};
  return by_parameter_set(facts, ml_kem, sizeof ml_kem / sizeof ml_kem[0]);
}

size_t wrapped_plaintext_bound(const struct facts *facts) {
  /* Seed and expanded key (FIPS 204, table 2; FIPS 203, table 3), and four seeds of FIPS 205. */
  static const uint16_t ml_dsa[] = {2560 + 32, 4032 + 32, 4896 + 32}, ml_kem[] = {1632 + 64, 2400 + 64, 3168 + 64};
  enum { DER = 128 };
  if (facts_number(facts, CKA_CLASS) == CKO_SECRET_KEY) {
    CK_ULONG length = facts_number(facts, CKA_VALUE_LEN);
    return length > LIMIT_ATTRIBUTE_VALUE ? 0 : length;
  }
  const struct curve *curve = find_curve(facts);
  size_t size;
  switch (facts_number(facts, CKA_KEY_TYPE)) {
    case CKK_RSA:
      /* Modulus, two exponents as long, and five numbers of half the length. */
      return 11 * modulus_length(facts) / 2 + DER;
    case CKK_ML_DSA:
      size = by_parameter_set(facts, ml_dsa, sizeof ml_dsa / sizeof ml_dsa[0]);
      return size == 0 ? 0 : size + DER;
    case CKK_ML_KEM:
      size = by_parameter_set(facts, ml_kem, sizeof ml_kem / sizeof ml_kem[0]);
      return size == 0 ? 0 : size + DER;
    case CKK_SLH_DSA:
      return 128 + DER;
    default:
      return curve == NULL ? 0 : curve->private_length + curve->point_length + (size_t)DER;
  }
}
