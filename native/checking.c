/* Arithmetic of RSA private keys, done here so that their numbers never become JavaScript values. */

#include "binding.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

struct rsa_numbers {
  BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qinv;
};

static bool read_numbers(EVP_PKEY *pkey, struct rsa_numbers *rsa) {
  return EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &rsa->n) &&
         EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &rsa->e) &&
         EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_D, &rsa->d) &&
         EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, &rsa->p) &&
         EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, &rsa->q) &&
         EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, &rsa->dp) &&
         EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, &rsa->dq) &&
         EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &rsa->qinv);
}

static void free_numbers(struct rsa_numbers *rsa) {
  BN_free(rsa->n);
  BN_free(rsa->e);
  BN_clear_free(rsa->d);
  BN_clear_free(rsa->p);
  BN_clear_free(rsa->q);
  BN_clear_free(rsa->dp);
  BN_clear_free(rsa->dq);
  BN_clear_free(rsa->qinv);
}

static EVP_PKEY *read_rsa_key(napi_env env, napi_callback_info info) {
  napi_value argument;
  struct bytes der;
  if (!read_arguments(env, info, 1, &argument) || !read_bytes(env, argument, &der)) return NULL;
  EVP_PKEY *pkey = decode_private_key(der);
  if (pkey != NULL && EVP_PKEY_is_a(pkey, "RSA")) return pkey;
  EVP_PKEY_free(pkey);
  return NULL;
}

/* Fermat's test to the base 2: finds every damaged prime; full primality tests of 4096 bits would take seconds. */
static bool probably_prime(const BIGNUM *p, const BIGNUM *p1, BN_CTX *bn) {
  BIGNUM *two = BN_CTX_get(bn), *power = BN_CTX_get(bn);
  return power != NULL && BN_is_odd(p) && BN_set_word(two, 2) &&
         BN_mod_exp_mont_consttime(power, two, p1, p, bn, NULL) && BN_is_one(power);
}

/* The relations of RFC 8017 section 3.2 between the eight numbers. */
static bool consistent(const struct rsa_numbers *rsa, BN_CTX *bn) {
  BIGNUM *p1 = BN_CTX_get(bn), *q1 = BN_CTX_get(bn), *t = BN_CTX_get(bn);
  if (t == NULL || BN_is_zero(rsa->e) || BN_cmp(rsa->d, rsa->n) >= 0) return false;
  if (BN_num_bits(rsa->p) < 256 || BN_num_bits(rsa->q) < 256 || BN_cmp(rsa->p, rsa->q) == 0) return false;
  if (!BN_sub(p1, rsa->p, BN_value_one()) || !BN_sub(q1, rsa->q, BN_value_one())) return false;
  return BN_mul(t, rsa->p, rsa->q, bn) && BN_cmp(t, rsa->n) == 0 &&                          /* n = pq */
         BN_nnmod(t, rsa->d, p1, bn) && BN_cmp(t, rsa->dp) == 0 &&                           /* dP = d mod p-1 */
         BN_nnmod(t, rsa->d, q1, bn) && BN_cmp(t, rsa->dq) == 0 &&                           /* dQ = d mod q-1 */
         BN_mod_mul(t, rsa->e, rsa->dp, p1, bn) && BN_is_one(t) &&                           /* e dP = 1 mod p-1 */
         BN_mod_mul(t, rsa->e, rsa->dq, q1, bn) && BN_is_one(t) &&                           /* e dQ = 1 mod q-1 */
         BN_cmp(rsa->qinv, rsa->p) < 0 && BN_mod_mul(t, rsa->q, rsa->qinv, rsa->p, bn) && BN_is_one(t) &&
         probably_prime(rsa->p, p1, bn) && probably_prime(rsa->q, q1, bn);
}

napi_value check_rsa_key(napi_env env, napi_callback_info info) {
  EVP_PKEY *pkey = read_rsa_key(env, info);
  struct rsa_numbers rsa = {0};
  BN_CTX *bn = BN_CTX_secure_new();
  bool valid = false;
  if (pkey != NULL && bn != NULL) {
    BN_CTX_start(bn);
    valid = read_numbers(pkey, &rsa) && consistent(&rsa, bn);
    BN_CTX_end(bn);
  }
  BN_CTX_free(bn);
  free_numbers(&rsa);
  EVP_PKEY_free(pkey);
  return answer(env, valid);
}

/* e^-1 mod lcm(p-1, q-1), as FIPS 186-5 and libhal have it; OpenSSL takes (p-1)(q-1) for keys below 2048 bits. */
static bool smallest_exponent(const struct rsa_numbers *rsa, BIGNUM *d, BN_CTX *bn) {
  BIGNUM *p1 = BN_CTX_get(bn), *q1 = BN_CTX_get(bn), *gcd = BN_CTX_get(bn), *lcm = BN_CTX_get(bn);
  if (lcm == NULL) return false;
  BN_set_flags(p1, BN_FLG_CONSTTIME);
  BN_set_flags(q1, BN_FLG_CONSTTIME);
  BN_set_flags(lcm, BN_FLG_CONSTTIME);
  return BN_sub(p1, rsa->p, BN_value_one()) && BN_sub(q1, rsa->q, BN_value_one()) && BN_gcd(gcd, p1, q1, bn) &&
         BN_mul(lcm, p1, q1, bn) && BN_div(lcm, NULL, lcm, gcd, bn) && BN_mod_inverse(d, rsa->e, lcm, bn) != NULL;
}

napi_value rsa_private_exponent(napi_env env, napi_callback_info info) {
  EVP_PKEY *pkey = read_rsa_key(env, info);
  struct rsa_numbers rsa = {0};
  BN_CTX *bn = BN_CTX_secure_new();
  BIGNUM *d = BN_secure_new();
  napi_value result = NULL;
  if (pkey != NULL && bn != NULL && d != NULL) {
    BN_CTX_start(bn);
    void *data;
    if (read_numbers(pkey, &rsa) && smallest_exponent(&rsa, d, bn) &&
        napi_create_buffer(env, (size_t)BN_num_bytes(d), &data, &result) == napi_ok)
      BN_bn2bin(d, data);
    BN_CTX_end(bn);
  }
  BN_clear_free(d);
  BN_CTX_free(bn);
  free_numbers(&rsa);
  EVP_PKEY_free(pkey);
  if (result != NULL) return result;
  ERR_clear_error();
  return undefined_value(env);
}
