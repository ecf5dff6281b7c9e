#include "public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "key_sizes.h"
#include "library.h"

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
  if (facts_number(facts, CKA_KEY_TYPE) == CKK_EC_EDWARDS)
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

static bool verify_ecdsa(struct library *library, EVP_PKEY *key, const uint8_t *data, size_t length,
                         const uint8_t *signature, size_t size) {
  uint8_t *der = NULL;
  int der_length = ecdsa_to_der(signature, size, &der);
  bool good = der_length > 0 && verify_raw(library, key, false, data, length, der, (size_t)der_length);
  OPENSSL_free(der);
  return good;
}

static bool verify_rsa(struct library *library, EVP_PKEY *key, enum digest digest, const uint8_t *data, size_t length,
                       const uint8_t *signature, size_t size) {
  uint8_t info[DIGEST_INFO_MAX];
  if (digest != DIGEST_NONE) {
    length = digest_info(digest, data, info);
    data = info;
  }
  return length > 0 && verify_raw(library, key, true, data, length, signature, size);
}

/* Which of the three ways to verify a mechanism has; the rest is the appliance's. */
enum way { WAY_NONE, WAY_RSA, WAY_ECDSA, WAY_EDDSA };

static enum way way_of(const struct mechanism *mechanism, bool parameter) {
  if (mechanism->type == CKM_EDDSA) return parameter ? WAY_NONE : WAY_EDDSA;
  if (mechanism->parameter != PARAMETER_NONE) return WAY_NONE;
  if (mechanism->type == CKM_ECDSA) return WAY_ECDSA;
  if (mechanism->type == CKM_RSA_PKCS) return WAY_RSA;
  if (mechanism->digest == DIGEST_NONE) return WAY_NONE;
  return mechanism->key_types[0] == CKK_EC ? WAY_ECDSA : mechanism->key_types[0] == CKK_RSA ? WAY_RSA : WAY_NONE;
}

CK_RV verify_signature(struct library *library, struct facts *facts, const struct mechanism *mechanism, bool parameter,
                       const uint8_t *data, size_t length, const uint8_t *signature, size_t signature_size) {
  enum way way = way_of(mechanism, parameter);
  EVP_PKEY *key = way == WAY_NONE ? NULL : public_key(library, facts);
  bool good = false;
  if (key == NULL) {
    ERR_clear_error();
    return CKR_FUNCTION_NOT_SUPPORTED;
  }
  if (way == WAY_RSA) good = verify_rsa(library, key, mechanism->digest, data, length, signature, signature_size);
  else if (way == WAY_ECDSA) good = verify_ecdsa(library, key, data, length, signature, signature_size);
  else good = verify_eddsa(library, key, data, length, signature, signature_size);
  ERR_clear_error();
  return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}

CK_RV recover_signature(struct library *library, struct facts *facts, bool padded, const uint8_t *signature,
                        size_t signature_size, uint8_t *data, size_t *length) {
  EVP_PKEY *key = public_key(library, facts);
  EVP_PKEY_CTX *context = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(library->libctx, key, NULL);
  bool good = context != NULL && EVP_PKEY_verify_recover_init(context) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(context, padded ? RSA_PKCS1_PADDING : RSA_NO_PADDING) == 1 &&
              EVP_PKEY_verify_recover(context, data, length, signature, signature_size) == 1;
  EVP_PKEY_CTX_free(context);
  ERR_clear_error();
  if (key == NULL) return CKR_FUNCTION_NOT_SUPPORTED;
  return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}
