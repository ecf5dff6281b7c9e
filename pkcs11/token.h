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
  int64_t fetched;
  struct token_info info;
  /* NULL before the first fetch. */
  struct token_mechanism *mechanisms;
  CK_ULONG mechanism_count;
};

void token_init(struct library *library);
void token_free(struct library *library);
bool token_decode(const struct request *request, struct token_info *info);
/* CKR_TOKEN_NOT_PRESENT if the appliance cannot be reached. */
CK_RV token_get_info(struct library *library, struct token_info *info);
/* Makes the next token_get_info ask the appliance. */
void token_forget(struct library *library);
/* Whether the appliance can be reached; connects if there is no connection. */
bool token_present(struct library *library);
/* Makes sure that there is a connection, waiting for an appliance that restarts; CKR_TOKEN_NOT_PRESENT if there is none. */
CK_RV token_reach(struct library *library);
/* The mechanisms that both the appliance and this library can do; they stay the same until C_Finalize. */
CK_RV token_get_mechanisms(struct library *library, const struct token_mechanism **mechanisms, CK_ULONG *count);

/* Copies a text into a blank-padded field. */
void pad_text(CK_UTF8CHAR *field, size_t size, const void *text, size_t length);

#endif
