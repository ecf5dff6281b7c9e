/* OpenSSL of the system as the judge: keys made from what the token says of a public key, and verification of its
 * signatures. */
#ifndef DKS_TEST_JUDGE_H
#define DKS_TEST_JUDGE_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static inline EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *builder) {
  EVP_PKEY *key = NULL;
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
  CHECK(EVP_PKEY_fromdata_init(context) == 1);
  CHECK(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  return key;
}

static inline EVP_PKEY *rsa_key(const CK_BYTE *modulus, size_t size, const CK_BYTE *exponent, size_t exponent_size) {
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  BIGNUM *n = BN_bin2bn(modulus, (int)size, NULL), *e = BN_bin2bn(exponent, (int)exponent_size, NULL);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
  EVP_PKEY *key = key_from("RSA", builder);
  BN_free(n);
  BN_free(e);
  return key;
}

/* `params` is CKA_EC_PARAMS as an OID, `point` the bytes inside CKA_EC_POINT's OCTET STRING. */
static inline EVP_PKEY *ec_key(const CK_BYTE *params, size_t params_size, const CK_BYTE *point, size_t point_size) {
  ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &(const unsigned char *){params}, (long)params_size);
  CHECK(oid != NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, OBJ_nid2sn(OBJ_obj2nid(oid)), 0);
  OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point_size);
  ASN1_OBJECT_free(oid);
  return key_from("EC", builder);
}

/* The content of a DER OCTET STRING that must be nothing else. */
static inline struct bytes octets_of(struct bytes der) {
  ASN1_OCTET_STRING *string = d2i_ASN1_OCTET_STRING(NULL, &(const unsigned char *){der.at}, (long)der.length);
  struct bytes content = {0};
  unsigned char *again = NULL;
  CHECK(string != NULL && i2d_ASN1_OCTET_STRING(string, &again) == (int)der.length);
  OPENSSL_free(again);
  content.length = (CK_ULONG)ASN1_STRING_length(string);
  memcpy(content.at, ASN1_STRING_get0_data(string), content.length);
  ASN1_OCTET_STRING_free(string);
  return content;
}

/* The public key, from its attributes. Works with private objects that tell the same. */
static inline EVP_PKEY *software_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  CK_ULONG type = get_number(session, object, CKA_KEY_TYPE);
  if (type == CKK_RSA) {
    struct bytes n = get(session, object, CKA_MODULUS), e = get(session, object, CKA_PUBLIC_EXPONENT);
    return rsa_key(n.at, n.length, e.at, e.length);
  }
  struct bytes point = octets_of(get(session, object, CKA_EC_POINT));
  if (type == CKK_EC) {
    struct bytes params = get(session, object, CKA_EC_PARAMS);
    return ec_key(params.at, params.length, point.at, point.length);
  }
  CHECK(type == CKK_EC_EDWARDS);
  int nid = point.length == 32 ? EVP_PKEY_ED25519 : EVP_PKEY_ED448;
  EVP_PKEY *key = EVP_PKEY_new_raw_public_key(nid, NULL, point.at, point.length);
  CHECK(key != NULL);
  return key;
}

static inline struct bytes hash(const EVP_MD *digest, const void *data, size_t length) {
  struct bytes value;
  unsigned size;
  CHECK(EVP_Digest(data, length, value.at, &size, digest, NULL) == 1);
  value.length = size;
  return value;
}

static inline bool ecdsa_verifies(EVP_PKEY *key, const void *digest, size_t length, const CK_BYTE *signature,
                                  size_t size) {
  ECDSA_SIG *pair = ECDSA_SIG_new();
  unsigned char *der = NULL;
  ECDSA_SIG_set0(pair, BN_bin2bn(signature, (int)size / 2, NULL), BN_bin2bn(signature + size / 2, (int)size / 2, NULL));
  int der_size = i2d_ECDSA_SIG(pair, &der);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  CHECK(EVP_PKEY_verify_init(context) == 1);
  bool right = EVP_PKEY_verify(context, der, (size_t)der_size, digest, length) == 1;
  EVP_PKEY_CTX_free(context);
  OPENSSL_free(der);
  ECDSA_SIG_free(pair);
  return right;
}

static inline bool eddsa_verifies(EVP_PKEY *key, const void *data, size_t length, const CK_BYTE *signature,
                                  size_t size) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  CHECK(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1);
  bool right = EVP_DigestVerify(context, signature, size, data, length) == 1;
  EVP_MD_CTX_free(context);
  return right;
}

/* PKCS#1 v1.5: over `data` as it is if `digest` is NULL, else over its DigestInfo. */
static inline bool pkcs1_verifies(EVP_PKEY *key, const EVP_MD *digest, const void *data, size_t length,
                                  const CK_BYTE *signature, size_t size) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  CHECK(EVP_PKEY_verify_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1);
  struct bytes value = {0};
  if (digest != NULL) {
    CHECK(EVP_PKEY_CTX_set_signature_md(context, digest) == 1);
    value = hash(digest, data, length);
    data = value.at;
    length = value.length;
  }
  bool right = EVP_PKEY_verify(context, signature, size, data, length) == 1;
  EVP_PKEY_CTX_free(context);
  return right;
}

/* `value` is the hash already. The salt has to have exactly `salt` bytes. */
static inline bool pss_verifies(EVP_PKEY *key, const EVP_MD *digest, const EVP_MD *mgf, int salt, const void *value,
                                size_t length, const CK_BYTE *signature, size_t size) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  CHECK(EVP_PKEY_verify_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1);
  CHECK(EVP_PKEY_CTX_set_signature_md(context, digest) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, mgf) == 1);
  CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt) == 1);
  bool right = EVP_PKEY_verify(context, signature, size, value, length) == 1;
  EVP_PKEY_CTX_free(context);
  return right;
}

/* Encrypts for the token with PKCS#1 v1.5 (`oaep` NULL), raw (`raw`), or OAEP with one hash for both. */
static inline struct bytes rsa_encrypt(EVP_PKEY *key, int padding, const EVP_MD *oaep, const void *data,
                                       size_t length) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  struct bytes out;
  size_t size = sizeof out.at;
  CHECK(EVP_PKEY_encrypt_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1);
  if (oaep != NULL)
    CHECK(EVP_PKEY_CTX_set_rsa_oaep_md(context, oaep) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, oaep) == 1);
  CHECK(EVP_PKEY_encrypt(context, out.at, &size, data, length) == 1);
  out.length = size;
  EVP_PKEY_CTX_free(context);
  return out;
}

#endif
