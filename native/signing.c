/* Signatures that are made at once on the calling thread: ECDSA over a ready digest, EdDSA over a message. */

#include "binding.h"

#include <openssl/ecdsa.h>
#include <string.h>

/* Copies a DER INTEGER that is not negative to `size` bytes; NULL if it is not one or does not fit, else the byte behind. */
static const uint8_t *copy_integer(const uint8_t *der, const uint8_t *end, uint8_t *to, size_t size) {
  if (end - der < 2 || der[0] != 0x02) return NULL;
  size_t length = der[1];
  der += 2;
  if (length == 0 || length > (size_t)(end - der)) return NULL;
  const uint8_t *next = der + length;
  if (*der == 0) {
    der += 1;
    length -= 1;
  }
  if (length > size) return NULL;
  memset(to, 0, size - length);
  memcpy(to + size - length, der, length);
  return next;
}

bool to_halves(const uint8_t *der, size_t length, uint8_t *out, size_t half) {
  const uint8_t *end = der + length;
  /* SEQUENCE; P-521 needs the long form of the length. */
  if (length < 3 || der[0] != 0x30) return false;
  der += der[1] == 0x81 ? 3 : 2;
  der = copy_integer(der, end, out, half);
  if (der == NULL) return false;
  return copy_integer(der, end, out + half, half) == end;
}

static bool ready_to_sign(struct key *key) {
  if (key->sign != NULL) return true;
  key->sign = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
  if (key->sign != NULL && EVP_PKEY_sign_init(key->sign) == 1) return true;
  EVP_PKEY_CTX_free(key->sign);
  key->sign = NULL;
  return false;
}

static bool ready_to_verify(struct key *key) {
  if (key->verify != NULL) return true;
  key->verify = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
  if (key->verify != NULL && EVP_PKEY_verify_init(key->verify) == 1) return true;
  EVP_PKEY_CTX_free(key->verify);
  key->verify = NULL;
  return false;
}

/* OpenSSL takes the leftmost bits of a digest that is longer than the order (FIPS 186-5 section 6.4.1). */
napi_value sign_digest(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct bytes digest, out;
  if (!read_arguments(env, info, 3, arguments)) return NULL;
  struct key *key = read_key(env, arguments[0]);
  if (key == NULL || !read_bytes(env, arguments[1], &digest) || !read_bytes(env, arguments[2], &out)) return NULL;
  uint8_t der[MAX_EC_DER_BYTES];
  size_t length = sizeof der;
  return answer(env, key->kind == KEY_EC && out.length == 2 * key->size && ready_to_sign(key) &&
                         EVP_PKEY_sign(key->sign, der, &length, digest.data, digest.length) == 1 &&
                         to_halves(der, length, out.data, key->size));
}

napi_value verify_digest(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct bytes digest, signature;
  if (!read_arguments(env, info, 3, arguments)) return NULL;
  struct key *key = read_key(env, arguments[0]);
  if (key == NULL || !read_bytes(env, arguments[1], &digest) || !read_bytes(env, arguments[2], &signature)) return NULL;
  size_t half = key->size;
  if (key->kind != KEY_EC || signature.length != 2 * half || !ready_to_verify(key))
    return answer(env, false);
  bool valid = false;
  ECDSA_SIG *value = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(signature.data, (int)half, NULL);
  BIGNUM *s = BN_bin2bn(signature.data + half, (int)half, NULL);
  if (value != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(value, r, s) == 1) {
    r = s = NULL;
    uint8_t *der = NULL;
    int length = i2d_ECDSA_SIG(value, &der);
    valid = length > 0 && EVP_PKEY_verify(key->verify, der, (size_t)length, digest.data, digest.length) == 1;
    OPENSSL_free(der);
  }
  BN_free(r);
  BN_free(s);
  ECDSA_SIG_free(value);
  return answer(env, valid);
}

/* A message context that is started with the key, for one signature or verification. */
static bool start_message(struct key *key, bool verify) {
  if (key->message == NULL) key->message = EVP_MD_CTX_new();
  if (key->message == NULL) return false;
  return (verify ? EVP_DigestVerifyInit : EVP_DigestSignInit)(key->message, NULL, NULL, NULL, key->pkey) == 1;
}

napi_value sign_message(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct bytes message, out;
  if (!read_arguments(env, info, 3, arguments)) return NULL;
  struct key *key = read_key(env, arguments[0]);
  if (key == NULL || !read_bytes(env, arguments[1], &message) || !read_bytes(env, arguments[2], &out)) return NULL;
  size_t length = out.length;
  return answer(env, start_message(key, false) &&
                         EVP_DigestSign(key->message, out.data, &length, message.data, message.length) == 1 &&
                         length == out.length);
}

napi_value verify_message(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct bytes message, signature;
  if (!read_arguments(env, info, 3, arguments)) return NULL;
  struct key *key = read_key(env, arguments[0]);
  if (key == NULL || !read_bytes(env, arguments[1], &message) || !read_bytes(env, arguments[2], &signature))
    return NULL;
  return answer(env, start_message(key, true) && EVP_DigestVerify(key->message, signature.data, signature.length,
                                                                  message.data, message.length) == 1);
}
