#include "connection.h"

#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "clock.h"
#include "connection_write.h"
#include "cryptoki.h"
#include "futex.h"
#include "log.h"

enum {
  SLOT_BITS = 8,
  FRAME_MAX = 2 << 20, /* twice the longest message the appliance sends */
  WAKE_BATCH = 64
};

/* Futex words to wake once the lock is free. Their owners may be gone by then; a wake-up in vain does no harm. */
struct wake_list {
  unsigned count;
  _Atomic uint32_t *words[WAKE_BATCH];
};

static void wake_all(struct wake_list *list) {
  for (unsigned i = 0; i < list->count; i++) futex_wake(list->words[i]);
  list->count = 0;
}

struct connection *connection_new(SSL *ssl, struct own_socket *socket, int64_t silence_ms) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) return NULL;
  connection->references = 1;
  connection->socket = socket;
  connection->fd = socket->fd;
  connection->ssl = ssl;
  connection->limit = CONNECTION_SLOTS;
  connection->silence_ms = silence_ms;
  connection->quiet_since = clock_ms();
  pthread_mutex_init(&connection->tls, NULL);
  pthread_mutex_init(&connection->lock, NULL);
  condition_init(&connection->room);
  return connection;
}

void connection_set_limit(struct connection *connection, uint32_t limit) {
  pthread_mutex_lock(&connection->lock);
  if (limit > CONNECTION_SLOTS) limit = CONNECTION_SLOTS;
  /* One is left for the question whether the appliance is still there. */
  connection->limit = limit <= 1 ? 1 : limit - 1;
  pthread_mutex_unlock(&connection->lock);
}

void connection_retain(struct connection *connection) { atomic_fetch_add(&connection->references, 1); }

void connection_release(struct connection *connection) {
  if (connection == NULL || atomic_fetch_sub(&connection->references, 1) != 1) return;
  SSL_free(connection->ssl);
  tls_close_socket(connection->socket);
  /* Either may hold a PIN that was not sent any more. */
  buffer_wipe(&connection->gathered);
  buffer_free(&connection->gathered);
  buffer_wipe(&connection->sending);
  buffer_free(&connection->sending);
  buffer_free(&connection->decoder.frame);
  pthread_cond_destroy(&connection->room);
  pthread_mutex_destroy(&connection->lock);
  pthread_mutex_destroy(&connection->tls);
  free(connection->socket);
  free(connection);
}

/* Ends a request. The lock is held. True if its thread may be asleep. */
static bool finish(struct connection *connection, struct request *request, enum request_state state) {
  if (request->newer != NULL) request->newer->older = request->older;
  else connection->newest = request->older;
  if (request->older != NULL) request->older->newer = request->newer;
  connection->slots[request->number & (CONNECTION_SLOTS - 1)] = NULL;
  connection->in_flight--;
  if (connection->waiting_for_room > 0) pthread_cond_signal(&connection->room);
  /* After this store the request belongs to its thread again. */
  return atomic_exchange(&request->state, state) == REQUEST_WAITING;
}

void connection_break_locked(struct connection *connection) {
  if (connection->broken) return;
  connection->broken = true;
  while (connection->newest != NULL) {
    _Atomic uint32_t *word = &connection->newest->state;
    if (finish(connection, connection->newest, REQUEST_LOST)) futex_wake(word);
  }
  pthread_cond_broadcast(&connection->room);
  shutdown(connection->fd, SHUT_RDWR); /* ends the leader's poll */
}

void connection_break(struct connection *connection) {
  pthread_mutex_lock(&connection->lock);
  connection_break_locked(connection);
  pthread_mutex_unlock(&connection->lock);
}

/* Gives a request a free number and its place in the outgoing bytes. The lock is held. */
static bool enter_request(struct connection *connection, struct request *request) {
  uint32_t number;
  do {
    number = connection->serial++ & 0x7fffffff;
  } while (connection->slots[number & (CONNECTION_SLOTS - 1)] != NULL);
  for (int i = 0; i < 4; i++) request->message.bytes[4 + i] = (uint8_t)(number >> (24 - 8 * i));
  if (!slip_append(&connection->gathered, request->message.bytes, request->message.length)) {
    connection->gathered.failed = false; /* what has gathered before is whole */
    return false;
  }
  if (request->secret) connection->secret = true;
  if (connection->in_flight == 0) {
    connection->quiet_since = clock_ms();
    connection->probed = 0;
  }
  request->number = number;
  atomic_store(&request->state, REQUEST_WAITING);
  connection->slots[number & (CONNECTION_SLOTS - 1)] = request;
  connection->in_flight++;
  request->newer = NULL;
  request->older = connection->newest;
  if (request->older != NULL) request->older->newer = request;
  connection->newest = request;
  return true;
}

/* Hands a reply to its owner. The lock is held. False if the peer breaks the protocol. */
static bool deliver(struct connection *connection, struct wake_list *woken) {
  struct buffer *frame = &connection->decoder.frame;
  struct xdr_reader reader = {frame->bytes, frame->length, 0, false};
  uint32_t function = xdr_get_u32(&reader), number = xdr_get_u32(&reader);
  xdr_get_u32(&reader);
  if (reader.failed) return false;
  struct request *request = connection->slots[number & (CONNECTION_SLOTS - 1)];
  /* A reply nobody waits for any more is dropped. */
  if (request == NULL || request->number != number) return true;
  if (request->function != function) return false;
  buffer_clear(&request->reply);
  if (!buffer_append(&request->reply, frame->bytes, frame->length)) return false;
  connection->answered++;
  if (woken->count == WAKE_BATCH) wake_all(woken);
  if (finish(connection, request, REQUEST_ANSWERED)) woken->words[woken->count++] = &request->state;
  return true;
}

/* Decodes what was read. False if the peer breaks the protocol. */
static bool take_input(struct connection *connection, size_t length) {
  const uint8_t *bytes = connection->input;
  struct wake_list woken = {.count = 0};
  enum slip_result result;
  bool good = true;
  pthread_mutex_lock(&connection->lock);
  connection->quiet_since = clock_ms();
  connection->probed = 0;
  connection->answered = 0;
  while (good && (result = slip_next(&connection->decoder, &bytes, &length, FRAME_MAX)) != SLIP_MORE) {
    good = result == SLIP_FRAME && deliver(connection, &woken);
    buffer_clear(&connection->decoder.frame);
  }
  pthread_mutex_unlock(&connection->lock);
  wake_all(&woken);
  return good;
}

/* Reads once. Above 0: bytes were taken in; 0: wait for `*events`; below 0: the connection is gone. */
static int read_once(struct connection *connection, short *events) {
  pthread_mutex_lock(&connection->tls);
  ERR_clear_error();
  int got = connection_step(connection, SSL_read(connection->ssl, connection->input, CONNECTION_INPUT), events);
  connection->input_left = got > 0 && SSL_has_pending(connection->ssl);
  pthread_mutex_unlock(&connection->tls);
  if (got > 0 && !take_input(connection, (size_t)got)) {
    log_message(LOG_PROTOCOL, "the HSM sent a malformed reply; the connection is closed");
    return -1;
  }
  return got;
}

static bool ended(const struct request *request) {
  uint32_t state = atomic_load(&request->state);
  return state != REQUEST_WAITING && state != REQUEST_LEADING;
}

/*
 * Gives the leadership to another thread that waits: the one with the newest request, whose reply will come last. The
 * thread that writes only if there is no other: it may have to wait for the peer, who may wait for us to read.
 */
static void pass_on(struct connection *connection, struct request *own) {
  _Atomic uint32_t *word = NULL;
  pthread_mutex_lock(&connection->lock);
  if (!ended(own)) atomic_store(&own->state, REQUEST_WAITING);
  struct request *heir = connection->newest, *writer = NULL;
  while (heir != NULL && (heir == own || heir == connection->writer)) {
    if (heir != own) writer = heir;
    heir = heir->older;
  }
  if (heir == NULL) heir = writer;
  connection->leading = heir != NULL;
  if (heir != NULL) {
    word = &heir->state;
    atomic_store(word, REQUEST_LEADING);
  }
  pthread_mutex_unlock(&connection->lock);
  if (word != NULL) futex_wake(word);
}

/* When to look at the silence next, at the latest at the deadline of the leader. */
static int64_t next_look(struct connection *connection, int64_t deadline) {
  pthread_mutex_lock(&connection->lock);
  int64_t since = connection->probed > connection->quiet_since ? connection->probed : connection->quiet_since;
  pthread_mutex_unlock(&connection->lock);
  int64_t look = since + connection->silence_ms / 2;
  return look < deadline ? look : deadline;
}

/* Asks a silent appliance whether it is there. Nobody waits for the reply: any bytes will do. The lock is held. */
static void probe(struct connection *connection) {
  uint8_t message[8];
  uint32_t words[] = {RPC_TOKEN_INFO, connection->serial++ & 0x7fffffff};
  for (int i = 0; i < 8; i++) message[i] = (uint8_t)(words[i / 4] >> (24 - 8 * (i % 4)));
  connection->probed = clock_ms();
  if (!slip_append(&connection->gathered, message, sizeof message)) connection->gathered.failed = false;
  else if (!connection->writing) connection_write(connection, NULL);
}

/*
 * Nothing has come until the time that next_look() told. Only a question that had its time to be answered counts: this
 * process may have been stopped, or the computer asleep, and the replies of that time are read first.
 */
static void look(struct connection *connection) {
  pthread_mutex_lock(&connection->lock);
  int64_t now = clock_ms(), half = connection->silence_ms / 2;
  if (!connection->broken && now - connection->quiet_since >= half) {
    if (connection->probed == 0) probe(connection);
    else if (now - connection->probed >= half) {
      connection->silent = true;
      connection_break_locked(connection);
    }
  }
  pthread_mutex_unlock(&connection->lock);
}

/* Reads for all until the own request has ended or its deadline has passed. */
static void lead(struct connection *connection, struct request *request, int64_t deadline) {
  short events = POLLIN;
  while (!ended(request)) {
    if (!connection->input_left && !tls_wait(connection->fd, events, next_look(connection, deadline))) {
      if (clock_ms() >= deadline) break;
      look(connection);
      continue;
    }
    int got;
    do {
      events = POLLIN;
      got = read_once(connection, &events);
    } while (got > 0 && connection->input_left && !ended(request));
    if (got < 0) connection_break(connection);
  }
  pass_on(connection, request);
}

/* A deadline has passed. The request is given up; if nothing at all came meanwhile, so is the connection. */
static void give_up(struct connection *connection, struct request *request) {
  pthread_mutex_lock(&connection->lock);
  bool lead_lost = atomic_load(&request->state) == REQUEST_LEADING;
  if (!ended(request)) {
    finish(connection, request, REQUEST_TIMED_OUT);
    if (clock_ms() - connection->quiet_since >= request->timeout_ms) connection_break_locked(connection);
  }
  pthread_mutex_unlock(&connection->lock);
  if (lead_lost) pass_on(connection, request);
}

static void wait_for_end(struct connection *connection, struct request *request, int64_t deadline) {
  while (!ended(request)) {
    if (clock_ms() >= deadline) {
      give_up(connection, request);
    } else if (atomic_load(&request->state) == REQUEST_LEADING) {
      lead(connection, request, deadline);
    } else {
      futex_wait(&request->state, REQUEST_WAITING, deadline - clock_ms());
    }
  }
}

enum request_state connection_exchange(struct connection *connection, struct request *request) {
  int64_t deadline = clock_ms() + request->timeout_ms;
  pthread_mutex_lock(&connection->lock);
  connection->waiting_for_room++;
  while (!connection->broken && connection->in_flight >= connection->limit) {
    if (!condition_wait(&connection->room, &connection->lock, deadline)) break;
  }
  connection->waiting_for_room--;
  if (connection->broken || connection->in_flight >= connection->limit || !enter_request(connection, request)) {
    bool broken = connection->broken;
    pthread_mutex_unlock(&connection->lock);
    return broken ? REQUEST_LOST : REQUEST_TIMED_OUT;
  }
  request->sent++;
  if (!connection->writing) connection_write(connection, request);
  bool first = !connection->leading && !ended(request);
  if (first) {
    connection->leading = true;
    atomic_store(&request->state, REQUEST_LEADING);
  }
  pthread_mutex_unlock(&connection->lock);
  wait_for_end(connection, request, deadline);
  return (enum request_state)atomic_load(&request->state);
}

void connection_finish(struct connection *connection, const struct request *last) {
  struct buffer frame = {0};
  if (last != NULL) slip_append(&frame, last->message.bytes, last->message.length);
  pthread_mutex_lock(&connection->tls);
  if (!connection->broken) {
    ERR_clear_error();
    if (frame.length > 0) SSL_write(connection->ssl, frame.bytes, (int)frame.length);
    SSL_shutdown(connection->ssl);
    ERR_clear_error();
  }
  pthread_mutex_unlock(&connection->tls);
  buffer_free(&frame);
  connection_break(connection);
}
