/* The hashing of LM-OTS and LMS (RFC 8554). All values of a chain are of one size, so that each step is exactly one block of
 * SHA-256: the block function alone, without the layers above it, makes trees three times as fast. */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "lms.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

/* Domain separation (RFC 8554 section 3.4, 5.3); SEED_INPUT is the byte of appendix A. */
#define D_PBLC 0x8080
#define D_MESG 0x8181
#define D_LEAF 0x8282
#define D_INTR 0x8383
#define SEED_INPUT 0xff

/* Number of a "chain" from which the randomizer comes: no chain has it. */
#define RANDOMIZER 0xfffd

/* I || u32str(q) || u16str(i) || u8str(j) || 32 bytes, padded (FIPS 180-4 section 5.1.1). */
#define STEP_I 20
#define STEP_J 22
#define STEP_VALUE 23
#define STEP_LENGTH (STEP_VALUE + LMS_HASH)
#define BLOCK 64

/* Digest and checksum, of which the digits are signed. */
#define DIGITS (LMS_HASH + 2)

static void put32(uint8_t *out, uint32_t value) {
  for (unsigned i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put16(uint8_t *out, unsigned value) {
  out[0] = (uint8_t)(value >> 8);
  out[1] = (uint8_t)value;
}

size_t lmots_chains(unsigned w) {
  switch (w) {
    case 1:
      return 265;
    case 2:
      return 133;
    case 4:
      return 67;
    case 8:
      return 34;
    default:
      return 0;
  }
}

static void prepare_steps(uint8_t *block, const struct lmots *key) {
  memset(block, 0, BLOCK);
  memcpy(block, key->id, LMS_ID);
  put32(block + LMS_ID, key->q);
  block[STEP_LENGTH] = 0x80;
  put16(block + BLOCK - 2, 8 * STEP_LENGTH);
}

/* Replaces the value in the block by its hash. */
static void step(uint8_t *block, unsigned i, unsigned j) {
  SHA256_CTX context;
  put16(block + STEP_I, i);
  block[STEP_J] = (uint8_t)j;
  SHA256_Init(&context);
  SHA256_Transform(&context, block);
  for (unsigned k = 0; k < 8; k++) put32(block + STEP_VALUE + 4 * k, context.h[k]);
}

/* The value number `to` of chain `i`, from the seed. */
static void walk_secret(uint8_t *block, const uint8_t *seed, unsigned i, unsigned to, uint8_t *out) {
  memcpy(block + STEP_VALUE, seed, LMS_HASH);
  step(block, i, SEED_INPUT);
  for (unsigned j = 0; j < to; j++) step(block, i, j);
  memcpy(out, block + STEP_VALUE, LMS_HASH);
}

static void start_hash(SHA256_CTX *context, const uint8_t *id, uint32_t number, unsigned domain) {
  uint8_t prefix[LMS_ID + 6];
  memcpy(prefix, id, LMS_ID);
  put32(prefix + LMS_ID, number);
  put16(prefix + LMS_ID + 4, domain);
  SHA256_Init(context);
  SHA256_Update(context, prefix, sizeof prefix);
}

static void hash_public(const struct lmots *key, const uint8_t *ends, uint8_t *out) {
  SHA256_CTX context;
  start_hash(&context, key->id, key->q, D_PBLC);
  SHA256_Update(&context, ends, lmots_chains(key->w) * LMS_HASH);
  SHA256_Final(out, &context);
}

void lms_leaf(const struct lmots *key, const uint8_t *seed, uint32_t leaves, uint8_t *node) {
  uint8_t block[BLOCK], ends[LMOTS_MAX_CHAINS * LMS_HASH], public_key[LMS_HASH];
  const unsigned last = (1U << key->w) - 1;
  prepare_steps(block, key);
  for (unsigned i = 0; i < lmots_chains(key->w); i++) walk_secret(block, seed, i, last, ends + i * LMS_HASH);
  hash_public(key, ends, public_key);
  SHA256_CTX context;
  start_hash(&context, key->id, leaves + key->q, D_LEAF);
  SHA256_Update(&context, public_key, LMS_HASH);
  SHA256_Final(node, &context);
  OPENSSL_cleanse(block, sizeof block);
}

void lms_inner_node(const uint8_t *id, uint32_t r, const uint8_t *children, uint8_t *node) {
  SHA256_CTX context;
  start_hash(&context, id, r, D_INTR);
  SHA256_Update(&context, children, 2 * LMS_HASH);
  SHA256_Final(node, &context);
}

/* Digit number `i` (RFC 8554 section 3.1.3). */
static unsigned digit(const uint8_t *digits, unsigned i, unsigned w) {
  const unsigned bit = i * w;
  return (digits[bit / 8] >> (8 - w - bit % 8)) & ((1U << w) - 1);
}

/* Hash of the message and its checksum (sections 4.4 and 4.5); the shift follows from p as in table 1. */
static void message_digits(const struct lmots *key, const uint8_t *randomizer, const uint8_t *message, size_t length,
                           uint8_t *digits) {
  SHA256_CTX context;
  start_hash(&context, key->id, key->q, D_MESG);
  SHA256_Update(&context, randomizer, LMS_HASH);
  SHA256_Update(&context, message, length);
  SHA256_Final(digits, &context);
  const unsigned count = 8 * LMS_HASH / key->w;
  unsigned sum = 0;
  for (unsigned i = 0; i < count; i++) sum += (1U << key->w) - 1 - digit(digits, i, key->w);
  const unsigned checksum_bits = ((unsigned)lmots_chains(key->w) - count) * key->w;
  put16(digits + LMS_HASH, sum << (16 - checksum_bits));
}

void lmots_sign(const struct lmots *key, const uint8_t *seed, const uint8_t *message, size_t length, uint8_t *signature) {
  uint8_t block[BLOCK], digits[DIGITS];
  prepare_steps(block, key);
  walk_secret(block, seed, RANDOMIZER, 0, signature);
  message_digits(key, signature, message, length, digits);
  for (unsigned i = 0; i < lmots_chains(key->w); i++) {
    walk_secret(block, seed, i, digit(digits, i, key->w), signature + (i + 1) * LMS_HASH);
  }
  OPENSSL_cleanse(block, sizeof block);
}

void lmots_candidate(const struct lmots *key, const uint8_t *signature, const uint8_t *message, size_t length,
                     uint8_t *candidate) {
  uint8_t block[BLOCK], digits[DIGITS], ends[LMOTS_MAX_CHAINS * LMS_HASH];
  const unsigned last = (1U << key->w) - 1;
  prepare_steps(block, key);
  message_digits(key, signature, message, length, digits);
  for (unsigned i = 0; i < lmots_chains(key->w); i++) {
    memcpy(block + STEP_VALUE, signature + (i + 1) * LMS_HASH, LMS_HASH);
    for (unsigned j = digit(digits, i, key->w); j < last; j++) step(block, i, j);
    memcpy(ends + i * LMS_HASH, block + STEP_VALUE, LMS_HASH);
  }
  hash_public(key, ends, candidate);
}
