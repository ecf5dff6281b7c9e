/* Signatures with parameters: over ready hashes (RSA), and over messages (EdDSA variants, ML-DSA, SLH-DSA). */

#include "evp.h"

static bool verify_with(struct evp_job *job, struct bytes signature) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  bool valid = context != NULL && EVP_PKEY_verify_init_ex(context, job->parameters) == 1 &&
               EVP_PKEY_verify(context, signature.data, signature.length, job->input.data, job->input.length) == 1;
  EVP_PKEY_CTX_free(context);
  return valid;
}

/* No signature leaves that does not verify: a fault while it was made could give the key away (Boneh, DeMillo, Lipton 1997). */
bool evp_sign(struct evp_job *job) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  size_t length = 0;
  bool made = context != NULL && EVP_PKEY_sign_init_ex(context, job->parameters) == 1 &&
              EVP_PKEY_sign(context, NULL, &length, job->input.data, job->input.length) == 1 &&
              allot_result(job, length) &&
              EVP_PKEY_sign(context, job->result.data, &length, job->input.data, job->input.length) == 1 &&
              length == job->result.length && verify_with(job, job->result);
  EVP_PKEY_CTX_free(context);
  return made;
}

bool evp_verify(struct evp_job *job) { return verify_with(job, job->second); }

static bool verify_message_with(struct evp_job *job, struct bytes signature) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool valid =
      context != NULL && EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, job->pkey, job->parameters) == 1 &&
      EVP_DigestVerify(context, signature.data, signature.length, job->input.data, job->input.length) == 1;
  EVP_MD_CTX_free(context);
  return valid;
}

bool evp_sign_message(struct evp_job *job) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t length = 0;
  bool made = context != NULL &&
              EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, job->pkey, job->parameters) == 1 &&
              EVP_DigestSign(context, NULL, &length, job->input.data, job->input.length) == 1 &&
              allot_result(job, length) &&
              EVP_DigestSign(context, job->result.data, &length, job->input.data, job->input.length) == 1 &&
              length == job->result.length && verify_message_with(job, job->result);
  EVP_MD_CTX_free(context);
  return made;
}

bool evp_verify_message(struct evp_job *job) { return verify_message_with(job, job->second); }
