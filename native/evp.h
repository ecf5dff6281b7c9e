/* Operations of OpenSSL's EVP interface, one shape for all: a key or the name of an algorithm, parameters by name, input,
 * result. See src/crypto/evp.ts for what JavaScript passes. */

#ifndef DIAMOND_EVP_H
#define DIAMOND_EVP_H

#include "binding.h"

#include <openssl/params.h>

/* The numbers are those of src/crypto/native.ts. */
enum evp_operation {
  OPERATION_SIGN = 0,
  OPERATION_VERIFY = 1,
  OPERATION_SIGN_MESSAGE = 2,
  OPERATION_VERIFY_MESSAGE = 3,
  OPERATION_ENCRYPT = 4,
  OPERATION_DECRYPT = 5,
  OPERATION_AGREE = 6,
  OPERATION_ENCAPSULATE = 7,
  OPERATION_DECAPSULATE = 8,
  OPERATION_MAC = 9,
  OPERATION_GENERATE = 10,
  OPERATION_PUBLIC_KEY = 11,
  OPERATION_READ = 12,
  OPERATION_CHECK_PAIR = 13,
};
#define OPERATIONS 14

#define MAX_EVP_PARAMETERS 8
#define MAX_EVP_NAME 32

struct evp_parameter {
  char name[MAX_EVP_NAME];
  int number;
  struct bytes value;
};

/* One operation. All bytes are copies of its own, which are cleansed with it. */
struct evp_job {
  enum evp_operation operation;
  EVP_PKEY *pkey;
  /* Of an algorithm, if there is no key. */
  char name[MAX_EVP_NAME];
  struct evp_parameter values[MAX_EVP_PARAMETERS];
  OSSL_PARAM parameters[MAX_EVP_PARAMETERS + 1];
  struct bytes input;
  /* Signature to verify, key of a MAC. */
  struct bytes second;
  struct bytes result;
};

/* Makes room for a result of at most `length` bytes. */
bool allot_result(struct evp_job *job, size_t length);

/* Carry out an operation, on any thread; false if OpenSSL refuses. A verification that succeeds has an empty result. */
bool evp_sign(struct evp_job *job);
bool evp_verify(struct evp_job *job);
bool evp_sign_message(struct evp_job *job);
bool evp_verify_message(struct evp_job *job);
bool evp_encrypt(struct evp_job *job);
bool evp_decrypt(struct evp_job *job);
bool evp_agree(struct evp_job *job);
bool evp_encapsulate(struct evp_job *job);
bool evp_decapsulate(struct evp_job *job);
bool evp_mac(struct evp_job *job);
bool evp_generate(struct evp_job *job);
bool evp_public_key(struct evp_job *job);
bool evp_read(struct evp_job *job);
bool evp_check_pair(struct evp_job *job);

#endif
