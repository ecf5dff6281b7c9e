#include "counter.h"

/* A counter block as a number. */
typedef unsigned __int128 block_number;

static block_number number_of(const uint8_t block[BLOCK]) {
  block_number number = 0;
  for (int i = 0; i < BLOCK; i++) number = number << 8 | block[i];
  return number;
}

static block_number mask_of(const struct chain *chain) { return ~(block_number)0 >> (8 * BLOCK - chain->counter_bits); }

bool counter_suffices(const struct chain *chain, size_t bytes) {
  size_t blocks = (chain->used + bytes + BLOCK - 1) / BLOCK;
  block_number mask = mask_of(chain);
  return blocks == 0 || (!chain->exhausted && blocks - 1 <= mask - (number_of(chain->block) & mask));
}

void counter_advance(struct chain *chain, size_t blocks) {
  block_number number = number_of(chain->block), mask = mask_of(chain), count = (number & mask) + blocks;
  /* The last block may be the one with the highest number; behind it there is none. */
  chain->exhausted = blocks > 0 && (count & mask) == 0;
  number = (number & ~mask) | (count & mask);
  for (int i = BLOCK - 1; i >= 0; i--, number >>= 8) chain->block[i] = (uint8_t)number;
}
