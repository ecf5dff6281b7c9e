/* New keys, and what is in keys. */

#include "evp.h"

#include <openssl/x509.h>

static bool export_key(struct evp_job *job, EVP_PKEY *pkey) {
  PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
  int length = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
  bool made = length > 0 && allot_result(job, (size_t)length);
  if (made) {
    uint8_t *next = job->result.data;
    made = i2d_PKCS8_PRIV_KEY_INFO(info, &next) == length;
  }
  PKCS8_PRIV_KEY_INFO_free(info);
  return made;
}

/* A value of the key, by the name in the input. */
bool evp_read(struct evp_job *job) {
  const char *name = (const char *)job->input.data;
  size_t length = 0;
  return EVP_PKEY_get_octet_string_param(job->pkey, name, NULL, 0, &length) == 1 && allot_result(job, length) &&
         EVP_PKEY_get_octet_string_param(job->pkey, name, job->result.data, length, &length) == 1 &&
         length == job->result.length;
}

bool evp_public_key(struct evp_job *job) {
  int length = i2d_PUBKEY(job->pkey, NULL);
  if (length <= 0 || !allot_result(job, (size_t)length)) return false;
  uint8_t *next = job->result.data;
  return i2d_PUBKEY(job->pkey, &next) == length;
}

bool evp_generate(struct evp_job *job) {
  EVP_PKEY *pkey = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, job->name, NULL);
  bool made = context != NULL && EVP_PKEY_keygen_init(context) == 1 &&
              EVP_PKEY_CTX_set_params(context, job->parameters) == 1 && EVP_PKEY_generate(context, &pkey) == 1 &&
              export_key(job, pkey);
  EVP_PKEY_free(pkey);
  EVP_PKEY_CTX_free(context);
  return made;
}

/* Whether the public half belongs to the private one. */
bool evp_check_pair(struct evp_job *job) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, job->pkey, NULL);
  bool valid = context != NULL && EVP_PKEY_pairwise_check(context) == 1;
  EVP_PKEY_CTX_free(context);
  return valid;
}
