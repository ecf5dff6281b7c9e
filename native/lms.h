/* LM-OTS and LMS (RFC 8554) with SHA-256, n = m = 32. */

#ifndef DIAMOND_LMS_H
#define DIAMOND_LMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LMS_HASH 32
#define LMS_ID 16
/* Chains of W1, which has the most (RFC 8554 table 1). */
#define LMOTS_MAX_CHAINS 265

/* A one-time key: identifier of the tree, number of the leaf, Winternitz parameter. */
struct lmots {
  const uint8_t *id;
  uint32_t q;
  unsigned w;
};

/* Number of chains p; 0 if w is not 1, 2, 4 or 8. */
size_t lmots_chains(unsigned w);

/* Tree node of a leaf, from the seed of the tree (appendix A); `leaves` is 2^h. */
void lms_leaf(const struct lmots *key, const uint8_t *seed, uint32_t leaves, uint8_t *node);

/* Inner node number `r` from its two children, which follow each other (section 5.3). */
void lms_inner_node(const uint8_t *id, uint32_t r, const uint8_t *children, uint8_t *node);

/* C || y[0] || ... || y[p-1] (section 4.5). The randomizer C follows from the seed: the same message gives the same signature. */
void lmots_sign(const struct lmots *key, const uint8_t *seed, const uint8_t *message, size_t length, uint8_t *signature);

/* The public key that a signature (C || y) and a message lead to (section 4.6). */
void lmots_candidate(const struct lmots *key, const uint8_t *signature, const uint8_t *message, size_t length,
                     uint8_t *candidate);

#endif
