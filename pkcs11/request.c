#include "request.h"

#include <stdlib.h>

#include "cryptoki.h"

enum { REQUEST_MS = 30000, HEADER = 12 };

void request_pool_init(struct request_pool *pool) {
  pthread_mutex_init(&pool->lock, NULL);
  pool->free = NULL;
}

void request_pool_free(struct request_pool *pool) {
  while (pool->free != NULL) {
    struct request *request = pool->free;
    pool->free = request->next;
    buffer_free(&request->message);
    buffer_free(&request->reply);
    free(request);
  }
  pthread_mutex_destroy(&pool->lock);
}

struct request *request_new(struct request_pool *pool, uint32_t function) {
  pthread_mutex_lock(&pool->lock);
  struct request *request = pool->free;
  if (request != NULL) pool->free = request->next;
  pthread_mutex_unlock(&pool->lock);
  if (request == NULL) request = calloc(1, sizeof *request);
  if (request == NULL) return NULL;
  request->function = function;
  request->timeout_ms = REQUEST_MS;
  request->secret = false;
  request->once = false;
  request->personal = false;
  request->context_key = NULL;
  request->sent = 0;
  buffer_clear(&request->message);
  buffer_clear(&request->reply);
  xdr_put_u32(&request->message, function);
  xdr_put_u32(&request->message, 0); /* the request number, set when it is sent */
  return request;
}

void request_release(struct request_pool *pool, struct request *request) {
  if (request == NULL) return;
  if (request->secret) {
    buffer_wipe(&request->message);
    buffer_wipe(&request->reply);
  }
  pthread_mutex_lock(&pool->lock);
  request->next = pool->free;
  pool->free = request;
  pthread_mutex_unlock(&pool->lock);
}

struct xdr_reader request_results(const struct request *request) {
  return (struct xdr_reader){request->reply.bytes, request->reply.length, HEADER, request->reply.length < HEADER};
}

uint32_t request_status(const struct request *request) {
  struct xdr_reader reader = {request->reply.bytes, request->reply.length, 8, false};
  uint32_t status = xdr_get_u32(&reader);
  return reader.failed ? HAL_RPC_PROTOCOL_ERROR : status;
}
