#include "library.h"

#include <stdlib.h>

#include "log.h"

/*
 * Of the process, and never freed: OpenSSL cleans up behind a thread when that ends, which may be while another thread is
 * finalizing the library.
 */
static OSSL_LIB_CTX *context;

void library_forget_context(void) { context = NULL; }

struct library *library_new(CK_RV *rv) {
  *rv = CKR_HOST_MEMORY;
  if (!tls_prepare()) return NULL;
  struct library *library = calloc(1, sizeof *library);
  if (library == NULL) return NULL;
  *rv = CKR_GENERAL_ERROR;
  if (!config_read(&library->config)) {
    free(library);
    return NULL;
  }
  *rv = CKR_HOST_MEMORY;
  patience_read(&library->patience);
  request_pool_init(&library->requests);
  session_table_init(library);
  object_table_init(library);
  token_init(library);
  if (context == NULL) context = OSSL_LIB_CTX_new();
  library->libctx = context;
  if (library->libctx != NULL) library->tls = tls_context(library->libctx);
  bool good = login_init(library);
  good = library->tls != NULL && link_init(library) && digests_init(library) && good;
  if (good) {
    *rv = CKR_OK;
    return library;
  }
  log_message(LOG_MEMORY, "cannot prepare the TLS library");
  library_free(library);
  return NULL;
}

void library_stop(struct library *library) {
  link_stop(library);
  login_forget(library);
}

void library_free(struct library *library) {
  session_table_free(library);
  object_table_free(library);
  token_free(library);
  login_free(library);
  link_free(library);
  request_pool_free(&library->requests);
  digests_free(library);
  SSL_CTX_free(library->tls);
  free(library);
}

void library_abandon(struct library *library) {
  struct own_socket *socket = atomic_load(&library->link.socket);
  if (socket != NULL) tls_close_socket(socket);
}
