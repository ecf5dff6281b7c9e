#include "token.h"

#include <stdlib.h>
#include <string.h>

#include "appliance.h"
#include "clock.h"
#include "library.h"
#include "mechanism.h"

enum { FRESH_MS = 2000, MECHANISMS_MAX = 512, MECHANISM_SIZE = 16 };

void token_init(struct library *library) { pthread_mutex_init(&library->token.lock, NULL); }

void token_free(struct library *library) {
  free(library->token.mechanisms);
  pthread_mutex_destroy(&library->token.lock);
}

void pad_text(CK_UTF8CHAR *field, size_t size, const void *text, size_t length) {
  if (length > size) length = size;
  memset(field, ' ', size);
  if (length > 0) memcpy(field, text, length);
}

static void get_text(struct xdr_reader *in, CK_UTF8CHAR *field, size_t size) {
  size_t length;
  const uint8_t *text = xdr_get_opaque(in, size, &length);
  pad_text(field, size, text, length);
}

bool token_decode(const struct request *request, struct token_info *info) {
  struct xdr_reader in = request_results(request);
  get_text(&in, info->label, sizeof info->label);
  get_text(&in, info->manufacturer, sizeof info->manufacturer);
  get_text(&in, info->model, sizeof info->model);
  get_text(&in, info->serial, sizeof info->serial);
  uint32_t *numbers[] = {&info->flags,    &info->pin_min,  &info->pin_max,
                         &info->hardware, &info->firmware, &info->state};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) *numbers[i] = xdr_get_u32(&in);
  return !in.failed;
}

/* Asks the appliance. */
static CK_RV fetch_info(struct library *library, enum call_mode mode, struct token_info *info) {
  struct token *token = &library->token;
  struct request *request = request_new(&library->requests, RPC_TOKEN_INFO);
  if (request == NULL) return CKR_HOST_MEMORY;
  CK_RV rv = appliance_call(library, request, mode);
  if (rv == CKR_OK && !token_decode(request, info)) rv = appliance_malformed(library);
  request_release(&library->requests, request);
  if (rv == CKR_OK) {
    pthread_mutex_lock(&token->lock);
    token->info = *info;
    token->known = true;
    token->stale = false;
    token->fetched = clock_ms();
    pthread_mutex_unlock(&token->lock);
  }
  return rv == CKR_DEVICE_REMOVED ? CKR_TOKEN_NOT_PRESENT : rv;
}

CK_RV token_ask(struct library *library) {
  struct token_info info;
  return fetch_info(library, CALL_PROBE, &info);
}

CK_RV token_get_info(struct library *library, struct token_info *info) {
  struct token *token = &library->token;
  pthread_mutex_lock(&token->lock);
  bool known = token->known, fresh = known && !token->stale && clock_ms() - token->fetched < FRESH_MS;
  if (known) *info = token->info;
  pthread_mutex_unlock(&token->lock);
  if (fresh) return CKR_OK;
  struct token_info now;
  CK_RV rv = link_failed_just_now(library) ? CKR_TOKEN_NOT_PRESENT : fetch_info(library, CALL_PROBE, &now);
  if (rv == CKR_OK) *info = now;
  return rv == CKR_TOKEN_NOT_PRESENT && known ? CKR_OK : rv;
}

CK_RV token_meet(struct library *library) {
  struct token_info info;
  return library->link.was_connected ? CKR_OK : fetch_info(library, CALL_NORMAL, &info);
}

void token_forget(struct library *library) {
  pthread_mutex_lock(&library->token.lock);
  library->token.stale = true;
  pthread_mutex_unlock(&library->token.lock);
}

bool token_present(struct library *library) {
  CK_RV rv;
  if (library->link.was_connected) return true;
  if (link_failed_just_now(library)) return false;
  struct connection *connection = link_acquire(library, link_deadline(library, clock_ms()), &rv);
  connection_release(connection);
  return connection != NULL;
}

static bool decode_mechanisms(const struct request *request, struct token_mechanism **list, CK_ULONG *count) {
  struct xdr_reader in = request_results(request);
  uint32_t sent = xdr_get_count(&in, MECHANISMS_MAX, MECHANISM_SIZE);
  *list = malloc((sent + 1) * sizeof **list);
  if (*list == NULL) return false;
  *count = 0;
  for (uint32_t i = 0; i < sent; i++) {
    struct token_mechanism *mechanism = &(*list)[*count];
    mechanism->type = xdr_get_u32(&in);
    mechanism->info.ulMinKeySize = xdr_get_u32(&in);
    mechanism->info.ulMaxKeySize = xdr_get_u32(&in);
    mechanism->info.flags = xdr_get_u32(&in);
    /* Consumers use whatever is listed: only what this library can do too. */
    if (mechanism_find(mechanism->type, 0) != NULL) ++*count;
  }
  if (!in.failed) return true;
  free(*list);
  *list = NULL;
  return false;
}

CK_RV token_get_mechanisms(struct library *library, const struct token_mechanism **mechanisms, CK_ULONG *count) {
  struct token *token = &library->token;
  CK_RV rv = CKR_OK;
  pthread_mutex_lock(&token->lock);
  bool known = token->mechanisms != NULL;
  pthread_mutex_unlock(&token->lock);
  if (!known) {
    struct request *request = request_new(&library->requests, RPC_MECHANISM_LIST);
    if (request == NULL) return CKR_HOST_MEMORY;
    struct token_mechanism *list = NULL;
    CK_ULONG length = 0;
    rv = appliance_call(library, request, CALL_NORMAL);
    if (rv == CKR_OK && !decode_mechanisms(request, &list, &length)) rv = appliance_malformed(library);
    request_release(&library->requests, request);
    if (rv != CKR_OK) return rv == CKR_DEVICE_REMOVED ? CKR_TOKEN_NOT_PRESENT : rv;
    pthread_mutex_lock(&token->lock);
    if (token->mechanisms == NULL) {
      token->mechanism_count = length;
      token->mechanisms = list;
      list = NULL;
    }
    pthread_mutex_unlock(&token->lock);
    free(list);
  }
  *mechanisms = token->mechanisms;
  *count = token->mechanism_count;
  return CKR_OK;
}
