#include "public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "library.h"

/* CKA_EC_PARAMS of the curves: named by OID, Edwards curves also by PrintableString (PKCS#11 3.0, 2.3.10). */
static const struct curve {
  const char *params;
  uint8_t params_length, signature_length, point_length;
  const char *name;
} curves[] = {
    {"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10, 64, 65, "P-256"},
    {"\x06\x05\x2b\x81\x04\x00\x22", 7, 96, 97, "P-384"},
    {"\x06\x05\x2b\x81\x04\x00\x23", 7, 132, 133, "P-521"},
    {"\x06\x03\x2b\x65\x70", 5, 64, 32, "ED25519"},
    {"\x13\x0c" "edwards25519", 14, 64, 32, "ED25519"},
    {"\x06\x03\x2b\x65\x71", 5, 114, 57, "ED448"},
    {"\x13\x0a" "edwards448", 12, 114, 57, "ED448"},
};

static const struct curve *find_curve(const struct facts *facts) {
  const struct attribute *params = facts_find(facts, CKA_EC_PARAMS);
  for (size_t i = 0; params != NULL && i < sizeof curves / sizeof curves[0]; i++) {
    if (params->length == curves[i].params_length && memcmp(params->value, curves[i].params, params->length) == 0)
      return &curves[i];
  }
  return NULL;
}

size_t signature_length(const struct facts *facts) {
  if (facts_number(facts, CKA_KEY_TYPE) == CKK_RSA) {
    const struct attribute *modulus = facts_find(facts, CKA_MODULUS);
    size_t zeros = 0;
    if (modulus == NULL) return 0;
    while (zeros < modulus->length && modulus->value[zeros] == 0) zeros++;
    return modulus->length - zeros;
  }
  const struct curve *curve = find_curve(facts);
  return curve == NULL ? 0 : curve->signature_length;
}

/* CKA_EC_POINT is a DER OCTET STRING around the point; older clients stored the bare point. */
static const uint8_t *find_point(const struct facts *facts, const struct curve *curve) {
  const struct attribute *point = facts_find(facts, CKA_EC_POINT);
  if (point == NULL) return NULL;
  size_t header = curve->point_length < 128 ? 2 : 3;
  if (point->length == curve->point_length) return point->value;
  if (point->length != curve->point_length + header || point->value[0] != 0x04) return NULL;
  if (point->value[header - 1] != curve->point_length || (header == 3 && point->value[1] != 0x81)) return NULL;
  return point->value + header;
}

static EVP_PKEY *from_params(struct library *library, const char *type, OSSL_PARAM_BLD *builder) {
  EVP_PKEY *key = NULL;
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library->libctx, type, NULL);
  if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
    key = NULL;
  }
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  return key;
}

static EVP_PKEY *rsa_key(struct library *library, const struct facts *facts) {
  const struct attribute *modulus = facts_find(facts, CKA_MODULUS), *exponent = facts_find(facts, CKA_PUBLIC_EXPONENT);
  if (modulus == NULL || exponent == NULL) return NULL;
  EVP_PKEY *key = NULL;
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  BIGNUM *n = BN_bin2bn(modulus->value, (int)modulus->length, NULL);
  BIGNUM *e = BN_bin2bn(exponent->value, (int)exponent->length, NULL);
  if (builder != NULL && n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
      OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e)) {
    key = from_params(library, "RSA", builder);
  }
  BN_free(n);
  BN_free(e);
  OSSL_PARAM_BLD_free(builder);
  return key;
}

static EVP_PKEY *ec_key(struct library *library, const struct facts *facts) {
  const struct curve *curve = find_curve(facts);
  const uint8_t *point = curve == NULL ? NULL : find_point(facts, curve);
  if (point == NULL) return NULL;
  if (curve->name[0] == 'E')
    return EVP_PKEY_new_raw_public_key_ex(library->libctx, curve->name, NULL, point, curve->point_length);
  EVP_PKEY *key = NULL;
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  if (builder != NULL && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) &&
      OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, curve->point_length)) {
    key = from_params(library, "EC", builder);
  }
  OSSL_PARAM_BLD_free(builder);
  return key;
}

/* The key, made once per facts; it lives as long as they do. */
static EVP_PKEY *public_key(struct library *library, struct facts *facts) {
  EVP_PKEY *key = atomic_load(&facts->public_key);
  if (key != NULL) return key;
  key = facts_number(facts, CKA_KEY_TYPE) == CKK_RSA ? rsa_key(library, facts) : ec_key(library, facts);
  EVP_PKEY *expected = NULL;
  if (key != NULL && !atomic_compare_exchange_strong(&facts->public_key, &expected, key)) {
    EVP_PKEY_free(key);
    key = expected;
  }
  return key;
}

/* PKCS#11 writes an ECDSA signature as r and s of equal length, OpenSSL reads a DER SEQUENCE. */
static int ecdsa_to_der(const uint8_t *signature, size_t size, uint8_t **der) {
  int length = -1;
  int half = (int)(size / 2);
  ECDSA_SIG *numbers = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(signature, half, NULL), *s = BN_bin2bn(signature + half, half, NULL);
  if (numbers != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(numbers, r, s) == 1) {
    length = i2d_ECDSA_SIG(numbers, der);
  } else {
    BN_free(r);
    BN_free(s);
  }
  ECDSA_SIG_free(numbers);
  return length;
}

static bool verify_raw(struct library *library, EVP_PKEY *key, bool rsa, const uint8_t *data, size_t length,
                       const uint8_t *signature, size_t size) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(library->libctx, key, NULL);
  bool good = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
              (!rsa || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1) &&
              EVP_PKEY_verify(context, signature, size, data, length) == 1;
  EVP_PKEY_CTX_free(context);
  return good;
}

static bool verify_eddsa(struct library *library, EVP_PKEY *key, const uint8_t *data, size_t length,
                         const uint8_t *signature, size_t size) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool good = context != NULL &&
              EVP_DigestVerifyInit_ex(context, NULL, NULL, library->libctx, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(context, signature, size, data, length) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

CK_RV verify_signature(struct library *library, struct facts *facts, CK_MECHANISM_TYPE raw, const uint8_t *data,
                       size_t length, const uint8_t *signature, size_t signature_size) {
  EVP_PKEY *key = public_key(library, facts);
  bool good = false;
  if (key != NULL && raw == CKM_ECDSA) {
    uint8_t *der = NULL;
    int der_length = ecdsa_to_der(signature, signature_size, &der);
    good = der_length > 0 && verify_raw(library, key, false, data, length, der, (size_t)der_length);
    OPENSSL_free(der);
  } else if (key != NULL && raw == CKM_RSA_PKCS) {
    good = verify_raw(library, key, true, data, length, signature, signature_size);
  } else if (key != NULL) {
    good = verify_eddsa(library, key, data, length, signature, signature_size);
  }
  ERR_clear_error();
  if (key == NULL) return CKR_FUNCTION_NOT_SUPPORTED;
  return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}
