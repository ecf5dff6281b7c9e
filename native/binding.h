/* What the parts of the binding share. */

#ifndef DIAMOND_BINDING_H
#define DIAMOND_BINDING_H

#define NAPI_VERSION 9

#include <node_api.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Node's own OpenSSL serves us: its symbols are resolved in the executable. Only functions that OpenSSL 3.0
 * has are used, so its headers will do; algorithms that came later are asked for by name. */

/* RSA of 8192 bits; an ECDSA-Sig-Value on P-521 takes 141 bytes. */
#define MAX_RSA_BYTES 1024
#define MAX_EC_DER_BYTES 160

struct bytes {
  uint8_t *data;
  size_t length;
};

enum key_kind { KEY_OTHER, KEY_RSA, KEY_EC };

/* A key, owned by a JavaScript external. The contexts are made at first use and used by the main thread only. */
struct key {
  EVP_PKEY *pkey;
  enum key_kind kind;
  /* Bytes of an RSA signature, of half an ECDSA signature. */
  size_t size;
  EVP_PKEY_CTX *sign;
  EVP_PKEY_CTX *verify;
  EVP_MD_CTX *message;
};

/* Reads `count` arguments; false (with a JavaScript exception pending) if there are fewer. */
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);

/* Reads a Uint8Array, which must outlive its use; false with an exception pending if it is something else. */
bool read_bytes(napi_env env, napi_value value, struct bytes *bytes);

/* Reads a key; NULL with an exception pending if it is something else or destroyed. */
struct key *read_key(napi_env env, napi_value value);

/* JavaScript boolean. A failed operation leaves errors in OpenSSL's queue, which Node's TLS would take for its own: they
 * are dropped here. */
napi_value answer(napi_env env, bool success);

napi_value undefined_value(napi_env env);

/* Decodes PKCS#8; NULL if OpenSSL does not accept it or more bytes follow. */
EVP_PKEY *decode_private_key(struct bytes der);

/* ECDSA-Sig-Value (RFC 3279) to r || s, halves of fixed length as PKCS#11 and libhal want them. */
bool to_halves(const uint8_t *der, size_t length, uint8_t *out, size_t half);

/* Functions exported to JavaScript; see src/crypto/native.ts for what they take and return. */
napi_value load_private_key(napi_env env, napi_callback_info info);
napi_value load_public_key(napi_env env, napi_callback_info info);
napi_value destroy_key(napi_env env, napi_callback_info info);
napi_value sign_digest(napi_env env, napi_callback_info info);
napi_value verify_digest(napi_env env, napi_callback_info info);
napi_value sign_message(napi_env env, napi_callback_info info);
napi_value verify_message(napi_env env, napi_callback_info info);
napi_value sign_on_pool(napi_env env, napi_callback_info info);
napi_value sign_together(napi_env env, napi_callback_info info);
napi_value verify_rsa(napi_env env, napi_callback_info info);
napi_value check_rsa_key(napi_env env, napi_callback_info info);
napi_value rsa_private_exponent(napi_env env, napi_callback_info info);
napi_value lms_leaves(napi_env env, napi_callback_info info);
napi_value lms_inner_nodes(napi_env env, napi_callback_info info);
napi_value lmots_sign_on_pool(napi_env env, napi_callback_info info);
napi_value lmots_candidate_key(napi_env env, napi_callback_info info);
napi_value evp_at_once(napi_env env, napi_callback_info info);
napi_value evp_on_pool(napi_env env, napi_callback_info info);
napi_value lock_file(napi_env env, napi_callback_info info);
napi_value disable_dumps(napi_env env, napi_callback_info info);
napi_value locked_memory(napi_env env, napi_callback_info info);

#endif
