/* Everything that belongs to one C_Initialize. */
#ifndef DKS_LIBRARY_H
#define DKS_LIBRARY_H

#include "config.h"
#include "digests.h"
#include "link.h"
#include "login.h"
#include "object_table.h"
#include "patience.h"
#include "request.h"
#include "session_table.h"
#include "token.h"

struct library {
  struct config config;
  struct patience patience;
  /* The library's own OpenSSL context: its locks cannot be held by a thread that a fork left behind. */
  OSSL_LIB_CTX *libctx;
  SSL_CTX *tls;
  struct digests digests;
  struct request_pool requests;
  struct link link;
  struct login login;
  struct session_table sessions;
  struct object_table objects;
  struct token token;
};

/* NULL: `*rv` tells why, after a message. */
struct library *library_new(CK_RV *rv);
/* A child has what OpenSSL kept for the threads of its parent, and makes its own. */
void library_forget_context(void);
/* Ends the connection and lets every waiting call fail. */
void library_stop(struct library *library);
/* Frees everything. No call may be running. */
void library_free(struct library *library);
/* What a forked child does with the library of its parent: closes the descriptor, without any TLS message. */
void library_abandon(struct library *library);

#endif
