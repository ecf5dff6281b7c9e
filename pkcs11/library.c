#include "library.h"

#include <stdlib.h>

#include "log.h"

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
  library->libctx = OSSL_LIB_CTX_new();
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
  OSSL_LIB_CTX_free(library->libctx);
  free(library);
}

void library_abandon(struct library *library) {
  struct own_socket *socket = atomic_load(&library->link.socket);
  if (socket != NULL) tls_close_socket(socket);
}
