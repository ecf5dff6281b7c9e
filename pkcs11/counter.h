/* The counter of CKM_AES_CTR: the low bits of a block (NIST SP 800-38A, B.1). */
#ifndef DKS_COUNTER_H
#define DKS_COUNTER_H

#include <stddef.h>

#include "operation_state.h"

/* Whether there are blocks for so many bytes: after an overflow the counter would repeat blocks, and give the data away. */
bool counter_suffices(const struct chain *chain, size_t bytes);
/* So many whole blocks were used up. */
void counter_advance(struct chain *chain, size_t blocks);

#endif
