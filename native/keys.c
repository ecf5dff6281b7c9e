/* Keys as JavaScript externals. */

#include "binding.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* Tells the garbage collector what a key weighs, so that forgotten ones are collected in time. */
#define KEY_WEIGHT 8192

static void clear_key(struct key *key) {
  EVP_PKEY_CTX_free(key->sign);
  EVP_PKEY_CTX_free(key->verify);
  EVP_MD_CTX_free(key->message);
  /* The last reference cleanses the private numbers; a signature under way on the thread pool has its own reference. */
  EVP_PKEY_free(key->pkey);
  *key = (struct key){0};
}

static void finalize_key(napi_env env, void *data, void *hint) {
  (void)hint;
  clear_key(data);
  free(data);
  int64_t total;
  napi_adjust_external_memory(env, -KEY_WEIGHT, &total);
}

static napi_value key_external(napi_env env, EVP_PKEY *pkey) {
  if (pkey == NULL) {
    ERR_clear_error();
    return undefined_value(env);
  }
  struct key *key = calloc(1, sizeof *key);
  if (key == NULL) {
    EVP_PKEY_free(pkey);
    return undefined_value(env);
  }
  key->pkey = pkey;
  key->kind = EVP_PKEY_is_a(pkey, "RSA") ? KEY_RSA : EVP_PKEY_is_a(pkey, "EC") ? KEY_EC : KEY_OTHER;
  key->size = ((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8;
  napi_value external = NULL;
  if (napi_create_external(env, key, finalize_key, NULL, &external) != napi_ok) {
    clear_key(key);
    free(key);
    return undefined_value(env);
  }
  int64_t total;
  napi_adjust_external_memory(env, KEY_WEIGHT, &total);
  return external;
}

EVP_PKEY *decode_private_key(struct bytes der) {
  const uint8_t *next = der.data;
  PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &next, (long)der.length);
  EVP_PKEY *pkey = info != NULL && next == der.data + der.length ? EVP_PKCS82PKEY(info) : NULL;
  PKCS8_PRIV_KEY_INFO_free(info);
  return pkey;
}

napi_value load_private_key(napi_env env, napi_callback_info info) {
  napi_value argument;
  struct bytes der;
  if (!read_arguments(env, info, 1, &argument) || !read_bytes(env, argument, &der)) return NULL;
  return key_external(env, decode_private_key(der));
}

napi_value load_public_key(napi_env env, napi_callback_info info) {
  napi_value argument;
  struct bytes der;
  if (!read_arguments(env, info, 1, &argument) || !read_bytes(env, argument, &der)) return NULL;
  const uint8_t *next = der.data;
  EVP_PKEY *pkey = d2i_PUBKEY(NULL, &next, (long)der.length);
  if (pkey != NULL && next != der.data + der.length) {
    EVP_PKEY_free(pkey);
    pkey = NULL;
  }
  return key_external(env, pkey);
}

napi_value destroy_key(napi_env env, napi_callback_info info) {
  napi_value argument;
  void *key = NULL;
  if (!read_arguments(env, info, 1, &argument)) return NULL;
  if (napi_get_value_external(env, argument, &key) == napi_ok && key != NULL) clear_key(key);
  return undefined_value(env);
}
