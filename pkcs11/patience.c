#include "patience.h"

#include <stdlib.h>

enum { SILENCE_S = 5, RETRY_S = 20, KEEPALIVE_S = 60, DAY_S = 86400 };

/* A number of seconds; what makes no sense counts as not set. */
static long seconds(const char *text, long least, long usual) {
  if (text == NULL) return usual;
  char *end;
  long value = strtol(text, &end, 10);
  return end == text || *end != '\0' || value < least || value > DAY_S ? usual : value;
}

void patience_read(struct patience *patience) {
  patience->silence_ms = seconds(secure_getenv("DKS_PKCS11_TIMEOUT_SECONDS"), 1, SILENCE_S) * 1000;
  patience->retry_ms = seconds(secure_getenv("DKS_PKCS11_RETRY_SECONDS"), 0, RETRY_S) * 1000;
  patience->keepalive_s = (int)seconds(secure_getenv("DKS_PKCS11_KEEPALIVE_SECONDS"), 0, KEEPALIVE_S);
}
