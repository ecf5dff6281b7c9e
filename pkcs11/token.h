/* What the appliance says about itself, kept here: consumers ask for it again and again. */
#ifndef DKS_TOKEN_H
#define DKS_TOKEN_H

#include <pthread.h>
#include <stdbool.h>

#include "cryptoki.h"
#include "request.h"

struct library;

/* Results of TOKEN_INFO. Texts are blank-padded. */
struct token_info {
  CK_UTF8CHAR label[32], manufacturer[32], model[16], serial[16];
  uint32_t flags, pin_min, pin_max, hardware, firmware, state;
};

struct token_mechanism {
  CK_MECHANISM_TYPE type;
  CK_MECHANISM_INFO info;
};

struct token {
  pthread_mutex_t lock;
  bool known;
  /* Something has happened that may have changed it. */
  bool stale;
  int64_t fetched;
  struct token_info info;
  /* NULL before the first fetch. */
  struct token_mechanism *mechanisms;
  CK_ULONG mechanism_count;
};

void token_init(struct library *library);
void token_free(struct library *library);
bool token_decode(const struct request *request, struct token_info *info);
/*
 * As it was a moment ago, or as it was when the appliance was last there: to a program a token that it has met stays in its
 * slot, as its sessions and handles stay, and only what needs the appliance waits for it. Programs that are told of an empty
 * slot give up for good (Knot DNS: no next signing). CKR_TOKEN_NOT_PRESENT if it was never met.
 */
CK_RV token_get_info(struct library *library, struct token_info *info);
/* Whether the appliance is there now, whatever is known; CKR_TOKEN_NOT_PRESENT if not. */
CK_RV token_ask(struct library *library);
/* Makes the next token_get_info ask the appliance. */
void token_forget(struct library *library);
/* Whether the appliance has been met, or can be now; connects for that. */
bool token_present(struct library *library);
/* Connects if the appliance has never been met; CKR_TOKEN_NOT_PRESENT if it cannot be. */
CK_RV token_meet(struct library *library);
/* The mechanisms that both the appliance and this library can do; they stay the same until C_Finalize. */
CK_RV token_get_mechanisms(struct library *library, const struct token_mechanism **mechanisms, CK_ULONG *count);

/* Copies a text into a blank-padded field. */
void pad_text(CK_UTF8CHAR *field, size_t size, const void *text, size_t length);

#endif
