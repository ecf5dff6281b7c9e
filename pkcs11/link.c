#include "link.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "futex.h"
#include "library.h"
#include "log.h"

/* An attempt that is begun late still gets a second; a call is to end before twice the silence is over, not then. */
enum { HELLO_VERSION = 1, FRESH_FAILURE_MS = 2000, SERIAL_MAX = 64, SHORTEST_ATTEMPT_MS = 1000, MARGIN_MS = 500 };

bool link_init(struct library *library) {
  struct link *link = &library->link;
  pthread_mutex_init(&link->lock, NULL);
  condition_init(&link->changed);
  return RAND_bytes_ex(library->libctx, link->application, sizeof link->application, 0) == 1;
}

void link_stop(struct library *library) {
  struct link *link = &library->link;
  pthread_mutex_lock(&link->lock);
  link->stopping = true;
  struct connection *current = link->current;
  if (current != NULL) connection_retain(current);
  pthread_cond_broadcast(&link->changed);
  pthread_mutex_unlock(&link->lock);
  if (current == NULL) return;
  struct request *logout = login_user(library) == NOBODY ? NULL : request_new(&library->requests, RPC_LOGOUT);
  connection_finish(current, logout);
  request_release(&library->requests, logout);
  connection_release(current);
}

void link_free(struct library *library) {
  struct link *link = &library->link;
  atomic_store(&link->socket, NULL);
  connection_release(link->current);
  pthread_cond_destroy(&link->changed);
  pthread_mutex_destroy(&link->lock);
}

static CK_RV refuse_hello(const struct library *library, uint32_t status) {
  const struct config *config = &library->config;
  if (status == HAL_RPC_BAD_FUNCTION) {
    log_message(LOG_PROTOCOL, "the HSM at %s port %s does not know this library; update the HSM", config->host,
                config->port);
    return CKR_DEVICE_ERROR;
  }
  log_message(LOG_PROTOCOL, "the HSM at %s port %s refused the connection (status %u)", config->host, config->port,
              status);
  return CKR_DEVICE_REMOVED;
}

/* Introduces us on a new connection. */
static CK_RV hello(struct library *library, struct connection *connection, int64_t deadline) {
  struct link *link = &library->link;
  struct request *request = request_new(&library->requests, RPC_HELLO);
  if (request == NULL) return CKR_HOST_MEMORY;
  char name[128];
  int length = snprintf(name, sizeof name, "%.96s[%d]", program_invocation_short_name, (int)getpid());
  xdr_put_u32(&request->message, HELLO_VERSION);
  xdr_put_uuid(&request->message, link->application);
  xdr_put_opaque(&request->message, name, length < 0 ? 0 : (size_t)length);
  int64_t left = deadline - clock_ms();
  request->timeout_ms = left < SHORTEST_ATTEMPT_MS ? SHORTEST_ATTEMPT_MS : (int)left;
  CK_RV rv = CKR_DEVICE_REMOVED;
  if (connection_exchange(connection, request) == REQUEST_ANSWERED) {
    uint32_t status = request_status(request);
    struct xdr_reader results = request_results(request);
    size_t serial_length;
    xdr_get_u32(&results);
    xdr_get_opaque(&results, SERIAL_MAX, &serial_length);
    uint32_t limit = xdr_get_u32(&results), resumed = xdr_get_u32(&results);
    if (status != HAL_OK) {
      rv = refuse_hello(library, status);
    } else if (results.failed) {
      log_message(LOG_PROTOCOL, "the HSM sent a malformed greeting");
    } else {
      connection_set_limit(connection, limit);
      if (link->was_connected && resumed == 0) object_table_drop_session_objects(library, 0);
      rv = CKR_OK;
    }
  } else {
    link->unanswered = !connection->broken || connection->silent;
    log_message(LOG_CONNECT, "the HSM at %s port %s does not answer", library->config.host, library->config.port);
  }
  request_release(&library->requests, request);
  return rv;
}

/* One attempt, without the lock. */
static struct connection *establish(struct library *library, int64_t deadline, CK_RV *rv) {
  struct link *link = &library->link;
  struct own_socket *own = calloc(1, sizeof *own);
  *rv = CKR_HOST_MEMORY;
  if (own == NULL) return NULL;
  own->fd = -1;
  atomic_store(&link->socket, own);
  enum tls_outcome outcome;
  SSL *ssl = tls_connect(library, own, deadline, &outcome);
  link->unanswered = outcome == TLS_UNANSWERED;
  struct connection *connection = ssl == NULL ? NULL : connection_new(ssl, own, library->patience.silence_ms);
  if (connection == NULL) {
    atomic_store(&link->socket, NULL);
    if (ssl == NULL) *rv = outcome == TLS_UNTRUSTED ? CKR_DEVICE_ERROR : CKR_DEVICE_REMOVED;
    SSL_free(ssl);
    tls_close_socket(own);
    free(own);
    return NULL;
  }
  *rv = hello(library, connection, deadline);
  if (*rv == CKR_OK) *rv = login_restore(library, connection);
  if (*rv == CKR_OK) return connection;
  atomic_store(&link->socket, NULL);
  connection_release(connection);
  return NULL;
}

/* The living connection, without a new reference. The lock is held. */
static struct connection *living(struct link *link) {
  if (link->current != NULL && link->current->broken) {
    if (!link->connecting) atomic_store(&link->socket, NULL);
    connection_release(link->current);
    link->current = NULL;
  }
  return link->current;
}

struct connection *link_current(struct library *library) {
  struct link *link = &library->link;
  pthread_mutex_lock(&link->lock);
  struct connection *connection = living(link);
  if (connection != NULL) connection_retain(connection);
  pthread_mutex_unlock(&link->lock);
  return connection;
}

int64_t link_patience_ms(const struct library *library) { return 2 * library->patience.silence_ms - MARGIN_MS; }

int64_t link_deadline(const struct library *library, int64_t start) {
  int64_t silence = library->patience.silence_ms, now = clock_ms();
  int64_t deadline = start + link_patience_ms(library);
  if (deadline > now + silence) deadline = now + silence;
  int64_t least = deadline < now ? silence / 2 : 0;
  if (least < SHORTEST_ATTEMPT_MS) least = SHORTEST_ATTEMPT_MS;
  return deadline < now + least ? now + least : deadline;
}

struct connection *link_acquire(struct library *library, int64_t deadline, CK_RV *rv) {
  struct link *link = &library->link;
  struct connection *connection;
  *rv = CKR_DEVICE_REMOVED;
  pthread_mutex_lock(&link->lock);
  while ((connection = living(link)) == NULL && link->connecting) {
    uint64_t attempt = link->attempts;
    pthread_cond_wait(&link->changed, &link->lock);
    if (link->attempts == attempt || link->outcome == CKR_OK) continue;
    *rv = link->outcome;
    pthread_mutex_unlock(&link->lock);
    return NULL;
  }
  if (connection == NULL && !link->stopping) {
    link->connecting = true;
    pthread_mutex_unlock(&link->lock);
    int64_t began = clock_ms();
    connection = establish(library, deadline, rv);
    pthread_mutex_lock(&link->lock);
    link->connecting = false;
    link->attempts++;
    link->outcome = *rv;
    if (connection != NULL) {
      link->current = connection;
      link->was_connected = true;
      if (link->stopping) connection_break(connection);
    } else {
      link->failed_at = clock_ms();
      link->failed_for = link->failed_at - began;
    }
    pthread_cond_broadcast(&link->changed);
  }
  if (connection != NULL) connection_retain(connection);
  pthread_mutex_unlock(&link->lock);
  return connection;
}

bool link_failed_just_now(struct library *library) {
  struct link *link = &library->link;
  pthread_mutex_lock(&link->lock);
  bool fresh = living(link) == NULL && link->failed_at != 0 && clock_ms() - link->failed_at < FRESH_FAILURE_MS;
  pthread_mutex_unlock(&link->lock);
  return fresh;
}

int64_t link_wait_ms(const struct library *library) {
  int64_t silence = link_patience_ms(library), retry = library->patience.retry_ms;
  /* Where nobody answers at all, the caller is not held longer than by a connection that fell silent. */
  return library->link.unanswered && silence < retry ? silence : retry;
}

bool link_given_up(struct library *library) {
  struct link *link = &library->link;
  int64_t since = atomic_load(&link->trouble_since), now = clock_ms();
  if (since == 0 || now - since < link_wait_ms(library)) return false;
  pthread_mutex_lock(&link->lock);
  bool idle = living(link) == NULL && !link->connecting && !link->stopping;
  bool given_up = idle && now - link->failed_at < 2 * link->failed_for;
  pthread_mutex_unlock(&link->lock);
  return given_up;
}

int64_t link_trouble(struct library *library, int64_t start) {
  int64_t since = 0;
  if (atomic_compare_exchange_strong(&library->link.trouble_since, &since, start)) return start;
  return since < start ? since : start;
}

bool link_sleep(struct library *library, int64_t ms) {
  struct link *link = &library->link;
  int64_t deadline = clock_ms() + ms;
  pthread_mutex_lock(&link->lock);
  while (!link->stopping && condition_wait(&link->changed, &link->lock, deadline)) {
  }
  bool stopping = link->stopping;
  pthread_mutex_unlock(&link->lock);
  return !stopping;
}
