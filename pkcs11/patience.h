/* How long to wait for an appliance that does not answer, from the environment. */
#ifndef DKS_PATIENCE_H
#define DKS_PATIENCE_H

#include <stdint.h>

struct patience {
  /*
   * DKS_PKCS11_TIMEOUT_SECONDS: so much silence, and the connection counts as lost. Also the most that one attempt to
   * connect takes. A call whose connection died without a word returns after twice this time at the latest.
   */
  int64_t silence_ms;
  /* DKS_PKCS11_RETRY_SECONDS: how long a call goes on trying while the appliance restarts or is locked. */
  int64_t retry_ms;
  /* DKS_PKCS11_KEEPALIVE_SECONDS: an idle connection is kept known to firewalls by a packet that often; 0: never. */
  int keepalive_s;
};

void patience_read(struct patience *patience);

#endif
