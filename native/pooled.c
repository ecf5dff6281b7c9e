/* Slow signatures, each made on a thread of libuv's pool: RSA (PKCS#1 v1.5 block type 1, RFC 8017 section 9.2 from step 3 on), and
 * ECDSA on the curves for which OpenSSL has no fast code. */

#include "binding.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

struct signing_work {
  napi_async_work work;
  napi_deferred deferred;
  EVP_PKEY *pkey;
  enum key_kind kind;
  size_t size;
  size_t input_length;
  size_t signature_length;
  bool success;
  uint8_t signature[MAX_RSA_BYTES];
  uint8_t input[];
};

static bool verify_padded(EVP_PKEY *pkey, const uint8_t *signature, size_t signature_length, const uint8_t *input,
                          size_t input_length) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
  bool valid = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
               EVP_PKEY_verify(context, signature, signature_length, input, input_length) == 1;
  EVP_PKEY_CTX_free(context);
  return valid;
}

/* A signature made from a damaged CRT value gives the key away to whoever sees it (Boneh, DeMillo, Lipton 1997), so none
 * leaves that does not verify. */
static bool make_rsa(struct signing_work *work, EVP_PKEY_CTX *context) {
  work->signature_length = work->size;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
         EVP_PKEY_sign(context, work->signature, &work->signature_length, work->input, work->input_length) == 1 &&
         verify_padded(work->pkey, work->signature, work->signature_length, work->input, work->input_length);
}

static bool make_ecdsa(struct signing_work *work, EVP_PKEY_CTX *context) {
  uint8_t der[MAX_EC_DER_BYTES];
  size_t length = sizeof der;
  work->signature_length = 2 * work->size;
  return EVP_PKEY_sign(context, der, &length, work->input, work->input_length) == 1 &&
         to_halves(der, length, work->signature, work->size);
}

/* On a thread of the pool, with a context of its own: those of the key belong to the main thread. */
static void execute_work(napi_env env, void *data) {
  (void)env;
  struct signing_work *work = data;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, work->pkey, NULL);
  work->success = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
                  (work->kind == KEY_RSA ? make_rsa : make_ecdsa)(work, context);
  EVP_PKEY_CTX_free(context);
  if (!work->success) ERR_clear_error();
}

static void free_work(napi_env env, struct signing_work *work) {
  if (work->work != NULL) napi_delete_async_work(env, work->work);
  EVP_PKEY_free(work->pkey);
  OPENSSL_cleanse(work->signature, sizeof work->signature);
  free(work);
}

/* Back on the main thread: the signature, or undefined. */
static void complete_work(napi_env env, napi_status status, void *data) {
  struct signing_work *work = data;
  napi_value result = NULL;
  if (status != napi_ok || !work->success ||
      napi_create_buffer_copy(env, work->signature_length, work->signature, NULL, &result) != napi_ok)
    result = undefined_value(env);
  napi_deferred deferred = work->deferred;
  free_work(env, work);
  napi_resolve_deferred(env, deferred, result);
}

napi_value sign_on_pool(napi_env env, napi_callback_info info) {
  napi_value arguments[2], name, promise;
  struct bytes input;
  if (!read_arguments(env, info, 2, arguments)) return NULL;
  struct key *key = read_key(env, arguments[0]);
  if (key == NULL || !read_bytes(env, arguments[1], &input)) return NULL;
  if (key->kind == KEY_OTHER || input.length > MAX_RSA_BYTES ||
      (key->kind == KEY_RSA ? key->size : 2 * key->size) > MAX_RSA_BYTES) {
    napi_throw_type_error(env, NULL, "RSA or EC key and input of at most 1024 bytes expected");
    return NULL;
  }
  struct signing_work *work = calloc(1, sizeof *work + input.length);
  if (work == NULL) {
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  work->kind = key->kind;
  work->size = key->size;
  work->input_length = input.length;
  if (input.length > 0) memcpy(work->input, input.data, input.length);
  EVP_PKEY_up_ref(key->pkey);
  work->pkey = key->pkey;
  if (napi_create_string_utf8(env, "signOnPool", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute_work, complete_work, work, &work->work) != napi_ok ||
      napi_create_promise(env, &work->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, work->work) != napi_ok) {
    free_work(env, work);
    napi_throw_error(env, NULL, "signature cannot be queued");
    return NULL;
  }
  return promise;
}

napi_value verify_rsa(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct bytes input, signature;
  if (!read_arguments(env, info, 3, arguments)) return NULL;
  struct key *key = read_key(env, arguments[0]);
  if (key == NULL || !read_bytes(env, arguments[1], &input) || !read_bytes(env, arguments[2], &signature)) return NULL;
  return answer(env, key->kind == KEY_RSA && signature.length == key->size &&
                         verify_padded(key->pkey, signature.data, signature.length, input.data, input.length));
}
