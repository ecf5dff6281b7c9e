/* Digests computed here, with the private OpenSSL. */
#ifndef DKS_DIGESTS_H
#define DKS_DIGESTS_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct library;

enum digest { DIGEST_NONE, DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA224, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGESTS };

enum { DIGEST_MAX = 64, DIGEST_INFO_MAX = 19 + DIGEST_MAX };

struct digests {
  EVP_MD *algorithms[DIGESTS];
};

bool digests_init(struct library *library);
void digests_free(struct library *library);
size_t digest_length(enum digest digest);
/* Starts a digest in `*context`, which is made if it is NULL. */
bool digest_start(struct library *library, enum digest digest, EVP_MD_CTX **context);
/* Writes the DER DigestInfo of a digest value (RFC 8017, 9.2) and returns its length. */
size_t digest_info(enum digest digest, const uint8_t *value, uint8_t info[DIGEST_INFO_MAX]);

#endif
