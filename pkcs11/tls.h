/*
 * TCP and TLS to the appliance. OpenSSL is a private static copy: it registers no exit handlers and reads no
 * configuration, so calls that arrive after the exit handlers of the host are safe.
 */
#ifndef DKS_TLS_H
#define DKS_TLS_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "config.h"

struct library;

/* A socket of ours. The inode tells whether the host closed it behind our back and the number is another file now. */
struct own_socket {
  _Atomic int fd;
  ino_t inode;
};

/* Prepares the private OpenSSL; safe to call from several threads. False without memory. */
bool tls_prepare(void);
/* A client context in `libctx`; NULL on failure. */
SSL_CTX *tls_context(OSSL_LIB_CTX *libctx);

/* UNANSWERED: no reply in time, as opposed to a refusal. UNTRUSTED: the server is the wrong one. */
enum tls_outcome { TLS_CONNECTED, TLS_REFUSED, TLS_UNANSWERED, TLS_UNTRUSTED };

/*
 * Connects, shakes hands and checks the server's key, until `deadline`. NULL after a message. The socket is entered in
 * `own` as soon as it exists; on failure it is closed again.
 */
SSL *tls_connect(struct library *library, struct own_socket *own, int64_t deadline, enum tls_outcome *outcome);
/* Closes the socket without any TLS message, if it still is ours. */
void tls_close_socket(struct own_socket *own);
/* Waits for `events` (POLLIN, POLLOUT) until `deadline` (clock_ms); false on time-out. */
bool tls_wait(int fd, short events, int64_t deadline);

#endif
