/*
 * The way to the appliance over many connections: connects when needed, tells the appliance who we are (HELLO), and
 * restores the login on a new connection.
 */
#ifndef DKS_LINK_H
#define DKS_LINK_H

#include "connection.h"
#include "cryptoki.h"

struct library;

struct link {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct connection *current;
  /* The socket of `current` or of the attempt that runs; what a forked child closes. */
  _Atomic(struct own_socket *) socket;
  bool connecting;
  /* Attempts so far, and how the last one ended. */
  uint64_t attempts;
  CK_RV outcome;
  /* When the last attempt failed, and how long it took. */
  int64_t failed_at, failed_for;
  /* Since when the appliance has not served us although it was asked; 0: it serves. */
  _Atomic int64_t trouble_since;
  /* The last attempt ended without any answer, not with a refusal. */
  _Atomic bool unanswered;
  _Atomic bool was_connected;
  /* The appliance has been unlocked and answered a request that needs it. */
  _Atomic bool was_operational;
  _Atomic bool stopping;
  /* Our random name, by which the appliance finds our session objects again. */
  uint8_t application[16];
};

bool link_init(struct library *library);
/* Ends all waiting; later calls fail. */
void link_stop(struct library *library);
void link_free(struct library *library);

/* The most that a call takes if the appliance is silent. */
int64_t link_patience_ms(const struct library *library);
/* When a call that began at `start` must have its answer if the appliance is silent (clock_ms). */
int64_t link_deadline(const struct library *library, int64_t start);
/*
 * The living connection, made if there is none, in one attempt that ends at `deadline`. NULL: `*rv` is CKR_DEVICE_REMOVED (may be tried again) or
 * CKR_DEVICE_ERROR (must not). The caller releases it. Threads that come during an attempt share its outcome.
 */
struct connection *link_acquire(struct library *library, int64_t deadline, CK_RV *rv);
/* The living connection if there is one. */
struct connection *link_current(struct library *library);
/* An attempt failed a moment ago: another one would only cost time. */
bool link_failed_just_now(struct library *library);
/* So long an appliance is waited for that cannot be connected to. */
int64_t link_wait_ms(const struct library *library);
/*
 * It has been waited for that long, by whichever call, and an attempt failed lately: a call does not even try. Attempts are
 * made so that they hold a program for a third of its time at most.
 */
bool link_given_up(struct library *library);
/* A call has met trouble that began at `start`. When it began for all calls: they wait for its end together, not each anew. */
int64_t link_trouble(struct library *library, int64_t start);
/* Sleeps; false if the library is being finalized. */
bool link_sleep(struct library *library, int64_t ms);

#endif
