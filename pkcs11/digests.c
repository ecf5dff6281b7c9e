#include "digests.h"

#include <string.h>

#include "library.h"

/* RFC 8017, 9.2, note 1: the bytes in front of the digest. */
static const struct {
  const char *name;
  uint8_t length, prefix_length;
  uint8_t prefix[19];
} table[DIGESTS] = {
    [DIGEST_MD5] = {"MD5", 16, 18, {0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05,
                                    0x05, 0x00, 0x04, 0x10}},
    [DIGEST_SHA1] = {"SHA1", 20, 15, {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
                                      0x04, 0x14}},
    [DIGEST_SHA224] = {"SHA224", 28, 19, {0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x04, 0x05, 0x00, 0x04, 0x1c}},
    [DIGEST_SHA256] = {"SHA256", 32, 19, {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x01, 0x05, 0x00, 0x04, 0x20}},
    [DIGEST_SHA384] = {"SHA384", 48, 19, {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x02, 0x05, 0x00, 0x04, 0x30}},
    [DIGEST_SHA512] = {"SHA512", 64, 19, {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x03, 0x05, 0x00, 0x04, 0x40}},
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

bool digest_start(struct library *library, enum digest digest, EVP_MD_CTX **context) {
  if (*context == NULL) *context = EVP_MD_CTX_new();
  return *context != NULL && EVP_DigestInit_ex2(*context, library->digests.algorithms[digest], NULL) == 1;
}

size_t digest_info(enum digest digest, const uint8_t *value, uint8_t info[DIGEST_INFO_MAX]) {
  memcpy(info, table[digest].prefix, table[digest].prefix_length);
  memcpy(info + table[digest].prefix_length, value, table[digest].length);
  return (size_t)table[digest].prefix_length + table[digest].length;
}
