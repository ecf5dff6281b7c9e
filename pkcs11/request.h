/* One request on its way: the message, its reply, and the state by which threads wait for each other. */
#ifndef DKS_REQUEST_H
#define DKS_REQUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "xdr.h"

/*
 * WAITING --reply--> ANSWERED;  WAITING --connection broken--> LOST;  WAITING --deadline--> TIMED_OUT;
 * WAITING --the reader leaves--> LEADING (this thread reads for all from now on) --> any of the three.
 */
enum request_state { REQUEST_WAITING, REQUEST_LEADING, REQUEST_ANSWERED, REQUEST_LOST, REQUEST_TIMED_OUT };

struct request {
  uint32_t function;
  struct buffer message;
  /* Function, client word, status, results. */
  struct buffer reply;
  int timeout_ms;
  /* The message holds a PIN: wiped, not only forgotten. */
  bool secret;
  /* Must not be done twice: not sent again once it may have reached the appliance. */
  bool once;
  /* The key wants the PIN for each use (CKA_ALWAYS_AUTHENTICATE): a missing login may be missing for this use alone. */
  bool personal;
  /* The key for whose use the application has given the PIN; NULL if it has not. */
  const uint8_t *context_key;
  /* How often the message may have reached the appliance before the reply came: above 1 after a lost connection. */
  int sent;

  /* Of the connection. */
  _Atomic uint32_t state; /* a futex word */
  uint32_t number;
  struct request *newer, *older;

  /* Of the pool. */
  struct request *next;
};

/* Requests that are not in use, kept with their buffers. */
struct request_pool {
  pthread_mutex_t lock;
  struct request *free;
};

void request_pool_init(struct request_pool *pool);
void request_pool_free(struct request_pool *pool);
/* A request with the header of `function` written; NULL without memory. */
struct request *request_new(struct request_pool *pool, uint32_t function);
void request_release(struct request_pool *pool, struct request *request);
/* Reads the results of an answered request. */
struct xdr_reader request_results(const struct request *request);
/* The status word of an answered request. */
uint32_t request_status(const struct request *request);

#endif
