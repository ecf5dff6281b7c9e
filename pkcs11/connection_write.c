#include "connection_write.h"

#include <openssl/err.h>
#include <poll.h>
#include <sched.h>

#include "clock.h"

/* Nothing at all could be sent for so long, though the peer goes on answering. */
enum { WRITE_MS = 30000 };

int connection_step(struct connection *connection, int result, short *events) {
  if (result > 0) return result;
  int error = SSL_get_error(connection->ssl, result);
  *events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Nothing could be written for a while: whether to go on trying, because the peer still sends. */
static bool still_there(struct connection *connection, int64_t progress) {
  pthread_mutex_lock(&connection->lock);
  int64_t quiet_since = connection->quiet_since;
  pthread_mutex_unlock(&connection->lock);
  int64_t now = clock_ms();
  if (now - quiet_since < connection->silence_ms && now - progress < WRITE_MS) return true;
  connection->silent = true;
  return false;
}

static bool write_all(struct connection *connection, const uint8_t *bytes, size_t length) {
  int64_t progress = clock_ms();
  while (length > 0) {
    short events = 0;
    pthread_mutex_lock(&connection->tls);
    ERR_clear_error();
    int result = SSL_write(connection->ssl, bytes, length > INT32_MAX ? INT32_MAX : (int)length);
    int written = connection_step(connection, result, &events);
    pthread_mutex_unlock(&connection->tls);
    if (written < 0 || connection->broken) return false;
    bytes += written;
    length -= (size_t)written;
    if (written > 0) progress = clock_ms();
    else if (!tls_wait(connection->fd, events, clock_ms() + connection->silence_ms) &&
             !still_there(connection, progress))
      return false;
  }
  return true;
}

void connection_write(struct connection *connection, const struct request *own) {
  connection->writing = true;
  connection->writer = own;
  while (connection->gathered.length > 0 && !connection->broken) {
    if (connection->answered > 1) {
      /* Several threads just got their replies: let them append their next requests, one large record is cheaper. */
      connection->answered = 0;
      pthread_mutex_unlock(&connection->lock);
      sched_yield();
      pthread_mutex_lock(&connection->lock);
    }
    bool secret = connection->secret;
    connection->secret = false;
    struct buffer batch = connection->gathered;
    connection->gathered = connection->sending;
    connection->sending = batch;
    pthread_mutex_unlock(&connection->lock);
    bool sent = write_all(connection, batch.bytes, batch.length);
    pthread_mutex_lock(&connection->lock);
    if (secret) buffer_wipe(&connection->sending);
    else buffer_clear(&connection->sending);
    if (!sent) connection_break_locked(connection);
  }
  connection->writing = false;
  connection->writer = NULL;
}
