/*
 * One TLS connection that all threads share, with many requests in flight.
 *
 * Writing: every thread appends its frame to `gathered`; the first one becomes the writer and sends everything that has
 * gathered, in as few TLS records as possible, until nothing is left.
 * Reading: of the threads that wait for replies one is the leader. It polls the socket, decodes all frames that arrived and
 * hands the replies to their owners. When its own reply is there, it passes the leadership on. No thread of our own.
 * Silence: a peer, or a firewall on the way, may vanish without a word. After half the silence that is borne the leader asks
 * for TOKEN_INFO, which an appliance answers at any time, also while it generates a long key; if nothing comes then either,
 * the connection counts as lost, and its requests are sent again on a new one.
 */
#ifndef DKS_CONNECTION_H
#define DKS_CONNECTION_H

#include "request.h"
#include "slip.h"
#include "tls.h"

/* More requests than this in flight never helped; the appliance may allow fewer. */
enum { CONNECTION_SLOTS = 256, CONNECTION_INPUT = 16384 };

struct connection {
  _Atomic int references;
  struct own_socket *socket;
  int fd;
  SSL *ssl;
  /* Guards `ssl`; never held while polling. */
  pthread_mutex_t tls;

  /* Guards everything below. Never taken while `tls` is held. */
  pthread_mutex_t lock;
  pthread_cond_t room;
  struct buffer gathered, sending;
  bool writing, leading;
  /* `gathered` holds a PIN. */
  bool secret;
  _Atomic bool broken;
  /* The appliance has logged the application in on this connection. */
  _Atomic bool logged_in;
  /* It was broken because the peer fell silent. */
  _Atomic bool silent;
  struct request *slots[CONNECTION_SLOTS];
  uint32_t serial;
  unsigned in_flight, limit, waiting_for_room;
  /* The request of the thread that writes, if any. */
  const struct request *writer;
  /* Requests without a reply, newest first. */
  struct request *newest;
  /* Requests answered by the last read: so many threads are about to send the next one. */
  unsigned answered;
  /* Since when nothing has come although a request waits for its reply, and when the appliance was asked whether it is there. */
  int64_t quiet_since, probed;
  /* So much silence ends the connection. */
  int64_t silence_ms;

  /* Of the leader. */
  struct slip_decoder decoder;
  bool input_left;
  uint8_t input[CONNECTION_INPUT];
};

/* Takes over a connected `ssl`; `silence_ms` of silence end the connection. NULL without memory (then nothing was taken). */
struct connection *connection_new(SSL *ssl, struct own_socket *socket, int64_t silence_ms);
/* Sets how many requests may be in flight. */
void connection_set_limit(struct connection *connection, uint32_t limit);
void connection_retain(struct connection *connection);
/* The last reference closes the socket. */
void connection_release(struct connection *connection);
/* Lets every waiting request end with REQUEST_LOST. */
void connection_break(struct connection *connection);

/* Sends a request and waits for its end: REQUEST_ANSWERED, REQUEST_LOST or REQUEST_TIMED_OUT. */
enum request_state connection_exchange(struct connection *connection, struct request *request);
/* Says good-bye: sends `last` (may be NULL) and the end of TLS without waiting for anything, then breaks the connection. */
void connection_finish(struct connection *connection, const struct request *last);

#endif
