/* Encryption, key agreement, key encapsulation and message authentication. */

#include "evp.h"

#include <openssl/x509.h>
#include <string.h>

bool evp_encrypt(struct evp_job *job) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  size_t length = 0;
  bool made = context != NULL && EVP_PKEY_encrypt_init_ex(context, job->parameters) == 1 &&
              EVP_PKEY_encrypt(context, NULL, &length, job->input.data, job->input.length) == 1 &&
              allot_result(job, length) &&
              EVP_PKEY_encrypt(context, job->result.data, &length, job->input.data, job->input.length) == 1;
  if (made) job->result.length = length;
  EVP_PKEY_CTX_free(context);
  return made;
}

bool evp_decrypt(struct evp_job *job) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  size_t length = 0;
  bool made = context != NULL && EVP_PKEY_decrypt_init_ex(context, job->parameters) == 1 &&
              EVP_PKEY_decrypt(context, NULL, &length, job->input.data, job->input.length) == 1 &&
              allot_result(job, length) &&
              EVP_PKEY_decrypt(context, job->result.data, &length, job->input.data, job->input.length) == 1;
  if (made) {
    /* What lies behind the plaintext would not be cleansed with the shortened result. */
    OPENSSL_cleanse(job->result.data + length, job->result.length - length);
    job->result.length = length;
  }
  EVP_PKEY_CTX_free(context);
  return made;
}

/* With the public key in the SubjectPublicKeyInfo of the input, which OpenSSL checks (SP 800-56A section 5.6.2.3). */
bool evp_agree(struct evp_job *job) {
  const uint8_t *next = job->input.data;
  EVP_PKEY *peer = d2i_PUBKEY(NULL, &next, (long)job->input.length);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  size_t length = 0;
  bool made = peer != NULL && context != NULL && EVP_PKEY_derive_init_ex(context, job->parameters) == 1 &&
              EVP_PKEY_derive_set_peer(context, peer) == 1 && EVP_PKEY_derive(context, NULL, &length) == 1 &&
              allot_result(job, length) && EVP_PKEY_derive(context, job->result.data, &length) == 1 &&
              length == job->result.length;
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(peer);
  return made;
}

/* The result is the ciphertext and the secret behind it. */
bool evp_encapsulate(struct evp_job *job) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  size_t wrapped = 0, secret = 0;
  bool made = context != NULL && EVP_PKEY_encapsulate_init(context, job->parameters) == 1 &&
              EVP_PKEY_encapsulate(context, NULL, &wrapped, NULL, &secret) == 1 &&
              allot_result(job, wrapped + secret) &&
              EVP_PKEY_encapsulate(context, job->result.data, &wrapped, job->result.data + wrapped, &secret) == 1 &&
              wrapped + secret == job->result.length;
  EVP_PKEY_CTX_free(context);
  return made;
}

bool evp_decapsulate(struct evp_job *job) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  size_t length = 0;
  bool made = context != NULL && EVP_PKEY_decapsulate_init(context, job->parameters) == 1 &&
              EVP_PKEY_decapsulate(context, NULL, &length, job->input.data, job->input.length) == 1 &&
              allot_result(job, length) &&
              EVP_PKEY_decapsulate(context, job->result.data, &length, job->input.data, job->input.length) == 1 &&
              length == job->result.length;
  EVP_PKEY_CTX_free(context);
  return made;
}

bool evp_mac(struct evp_job *job) {
  EVP_MAC *mac = EVP_MAC_fetch(NULL, job->name, NULL);
  EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
  size_t length = 0;
  bool made = context != NULL && EVP_MAC_init(context, job->second.data, job->second.length, job->parameters) == 1 &&
              EVP_MAC_update(context, job->input.data, job->input.length) == 1 &&
              EVP_MAC_final(context, NULL, &length, 0) == 1 && allot_result(job, length) &&
              EVP_MAC_final(context, job->result.data, &length, job->result.length) == 1 &&
              length == job->result.length;
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  return made;
}
