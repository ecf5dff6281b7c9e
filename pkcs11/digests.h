/* Digests computed here, with the private OpenSSL. */
#ifndef DKS_DIGESTS_H
#define DKS_DIGESTS_H

/* The running state of the older digests is a plain structure, which C_GetOperationState can save. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generated.h"

struct library;

enum digest {
  DIGEST_NONE,
#define DIGEST_MEMBER(name, openssl, mechanism, size, mgf) name,
  DIGEST_TABLE(DIGEST_MEMBER)
#undef DIGEST_MEMBER
  DIGESTS
};

enum { DIGEST_MAX = 64, DIGEST_INFO_MAX = 19 + DIGEST_MAX };

struct digests {
  EVP_MD *algorithms[DIGESTS];
};

/* A digest that is under way. */
struct digest_state {
  enum digest digest;
  union {
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
  } plain;
  /* For all that have no plain structure; kept for the next time. */
  EVP_MD_CTX *context;
};

bool digests_init(struct library *library);
void digests_free(struct library *library);
size_t digest_length(enum digest digest);
/* The digest that a mechanism such as CKM_SHA256 stands for, DIGEST_NONE if it is none. */
enum digest digest_of_mechanism(unsigned long mechanism);
/* Writes the DER DigestInfo of a digest value (RFC 8017, 9.2) and returns its length, 0 if there is none. */
size_t digest_info(enum digest digest, const uint8_t *value, uint8_t info[DIGEST_INFO_MAX]);

bool digest_begin(struct library *library, enum digest digest, struct digest_state *state);
bool digest_update(struct digest_state *state, const void *bytes, size_t length);
/* Writes digest_length() bytes. */
bool digest_finish(struct digest_state *state, uint8_t *value);
/* Forgets what was digested. */
void digest_clear(struct digest_state *state);
void digest_free(struct digest_state *state);

/* The plain structure of a running digest; NULL if it has none. */
void *digest_plain(struct digest_state *state, size_t *size);
/* Whether a structure that came from outside is one that can be gone on with. */
bool digest_is_sound(const struct digest_state *state);

#endif
