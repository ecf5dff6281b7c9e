#include "digests.h"

#include <string.h>

#include "library.h"

static const struct {
  const char *name;
  unsigned long mechanism;
  uint8_t length;
} table[DIGESTS] = {
#define DIGEST_ROW(digest, openssl, mechanism, size, mgf) [digest] = {openssl, mechanism, size},
    DIGEST_TABLE(DIGEST_ROW)
#undef DIGEST_ROW
};

bool digests_init(struct library *library) {
  /* Fetched once: looking an algorithm up costs more than a short digest. */
  for (int i = DIGEST_NONE + 1; i < DIGESTS; i++) {
    EVP_MD *algorithm = EVP_MD_fetch(library->libctx, table[i].name, NULL);
    if (algorithm == NULL) return false;
    library->digests.algorithms[i] = algorithm;
  }
  return true;
}

void digests_free(struct library *library) {
  for (int i = 0; i < DIGESTS; i++) EVP_MD_free(library->digests.algorithms[i]);
}

size_t digest_length(enum digest digest) { return table[digest].length; }

enum digest digest_of_mechanism(unsigned long mechanism) {
  if (mechanism == ~0UL) return DIGEST_NONE;
  for (int i = DIGEST_NONE + 1; i < DIGESTS; i++) {
    if (table[i].mechanism == mechanism) return (enum digest)i;
  }
  return DIGEST_NONE;
}

size_t digest_info(enum digest digest, const uint8_t *value, uint8_t info[DIGEST_INFO_MAX]) {
  /* RFC 8017, 9.2, note 1: all but MD5 and SHA-1 are arcs of one OID (2.16.840.1.101.3.4.2). */
  static const uint8_t nist[] = {0x30, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x00,
                                 0x05, 0x00, 0x04, 0x00};
  static const uint8_t md5[] = {0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05,
                                0x00, 0x04, 0x10};
  static const uint8_t sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
  static const uint8_t arcs[DIGESTS] = {
      [DIGEST_SHA256] = 1,     [DIGEST_SHA384] = 2,     [DIGEST_SHA512] = 3,   [DIGEST_SHA224] = 4,
      [DIGEST_SHA512_224] = 5, [DIGEST_SHA512_256] = 6, [DIGEST_SHA3_224] = 7, [DIGEST_SHA3_256] = 8,
      [DIGEST_SHA3_384] = 9,   [DIGEST_SHA3_512] = 10};
  size_t length = table[digest].length, prefix;
  if (digest == DIGEST_MD5 || digest == DIGEST_SHA1) {
    prefix = digest == DIGEST_MD5 ? sizeof md5 : sizeof sha1;
    memcpy(info, digest == DIGEST_MD5 ? md5 : sha1, prefix);
  } else {
    if (arcs[digest] == 0) return 0;
    prefix = sizeof nist;
    memcpy(info, nist, prefix);
    info[1] = (uint8_t)(prefix - 2 + length);
    info[14] = arcs[digest];
    info[18] = (uint8_t)length;
  }
  memcpy(info + prefix, value, length);
  return prefix + length;
}

bool digest_begin(struct library *library, enum digest digest, struct digest_state *state) {
  state->digest = digest;
  switch (digest) {
    case DIGEST_MD5:
      return MD5_Init(&state->plain.md5) == 1;
    case DIGEST_SHA1:
      return SHA1_Init(&state->plain.sha1) == 1;
    case DIGEST_SHA224:
      return SHA224_Init(&state->plain.sha256) == 1;
    case DIGEST_SHA256:
      return SHA256_Init(&state->plain.sha256) == 1;
    case DIGEST_SHA384:
      return SHA384_Init(&state->plain.sha512) == 1;
    case DIGEST_SHA512:
      return SHA512_Init(&state->plain.sha512) == 1;
    default:
      if (state->context == NULL) state->context = EVP_MD_CTX_new();
      return state->context != NULL &&
             EVP_DigestInit_ex2(state->context, library->digests.algorithms[digest], NULL) == 1;
  }
}

bool digest_update(struct digest_state *state, const void *bytes, size_t length) {
  if (length == 0) return true;
  switch (state->digest) {
    case DIGEST_MD5:
      return MD5_Update(&state->plain.md5, bytes, length) == 1;
    case DIGEST_SHA1:
      return SHA1_Update(&state->plain.sha1, bytes, length) == 1;
    case DIGEST_SHA224:
    case DIGEST_SHA256:
      return SHA256_Update(&state->plain.sha256, bytes, length) == 1;
    case DIGEST_SHA384:
    case DIGEST_SHA512:
      return SHA512_Update(&state->plain.sha512, bytes, length) == 1;
    default:
      return EVP_DigestUpdate(state->context, bytes, length) == 1;
  }
}

bool digest_finish(struct digest_state *state, uint8_t *value) {
  switch (state->digest) {
    case DIGEST_MD5:
      return MD5_Final(value, &state->plain.md5) == 1;
    case DIGEST_SHA1:
      return SHA1_Final(value, &state->plain.sha1) == 1;
    case DIGEST_SHA224:
    case DIGEST_SHA256:
      return SHA256_Final(value, &state->plain.sha256) == 1;
    case DIGEST_SHA384:
    case DIGEST_SHA512:
      return SHA512_Final(value, &state->plain.sha512) == 1;
    case DIGEST_SHAKE128:
    case DIGEST_SHAKE256:
      return EVP_DigestFinalXOF(state->context, value, table[state->digest].length) == 1;
    default:
      return EVP_DigestFinal_ex(state->context, value, NULL) == 1;
  }
}

void digest_clear(struct digest_state *state) {
  explicit_bzero(&state->plain, sizeof state->plain);
  if (state->context != NULL && state->digest != DIGEST_NONE) EVP_MD_CTX_reset(state->context);
  state->digest = DIGEST_NONE;
}

void digest_free(struct digest_state *state) {
  digest_clear(state);
  EVP_MD_CTX_free(state->context);
  state->context = NULL;
}

void *digest_plain(struct digest_state *state, size_t *size) {
  switch (state->digest) {
    case DIGEST_MD5:
      *size = sizeof state->plain.md5;
      return &state->plain.md5;
    case DIGEST_SHA1:
      *size = sizeof state->plain.sha1;
      return &state->plain.sha1;
    case DIGEST_SHA224:
    case DIGEST_SHA256:
      *size = sizeof state->plain.sha256;
      return &state->plain.sha256;
    case DIGEST_SHA384:
    case DIGEST_SHA512:
      *size = sizeof state->plain.sha512;
      return &state->plain.sha512;
    default:
      *size = 0;
      return NULL;
  }
}

bool digest_is_sound(const struct digest_state *state) {
  /* The only fields by which OpenSSL reaches memory: how full the block is, and how long the result is. */
  switch (state->digest) {
    case DIGEST_MD5:
      return state->plain.md5.num < MD5_CBLOCK;
    case DIGEST_SHA1:
      return state->plain.sha1.num < SHA_CBLOCK;
    case DIGEST_SHA224:
    case DIGEST_SHA256:
      return state->plain.sha256.num < SHA256_CBLOCK && state->plain.sha256.md_len == table[state->digest].length;
    case DIGEST_SHA384:
    case DIGEST_SHA512:
      return state->plain.sha512.num < SHA512_CBLOCK && state->plain.sha512.md_len == table[state->digest].length;
    default:
      return false;
  }
}
