#include "tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "library.h"
#include "log.h"
#include "trust.h"

enum { KEEP_INTERVAL_S = 10, KEEP_COUNT = 3 };

#define CHECK "check that the HSM is running, and <IP> and <port> of section <rpc> in"

bool tls_prepare(void) {
  /* Must be the first call into OpenSSL: only then are the exit handlers left out. */
  return OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

/* A socket BIO of our own: the stock one writes with SIGPIPE, which would end the host when the appliance restarts. */
static int socket_write(BIO *bio, const char *bytes, int length) {
  BIO_clear_retry_flags(bio);
  ssize_t written = send((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)length, MSG_NOSIGNAL);
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return (int)written;
}

static int socket_read(BIO *bio, char *bytes, int length) {
  BIO_clear_retry_flags(bio);
  ssize_t got = recv((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)length, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return (int)got;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO *socket_bio(int fd) {
  static _Atomic(BIO_METHOD *) shared;
  BIO_METHOD *method = atomic_load(&shared);
  if (method == NULL) {
    method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket");
    if (method == NULL) return NULL;
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_ctrl(method, socket_control);
    BIO_METHOD *expected = NULL;
    if (!atomic_compare_exchange_strong(&shared, &expected, method)) {
      BIO_meth_free(method);
      method = expected;
    }
  }
  BIO *bio = BIO_new(method);
  if (bio == NULL) return NULL;
  BIO_set_data(bio, (void *)(intptr_t)fd);
  BIO_set_init(bio, 1);
  return bio;
}

SSL_CTX *tls_context(OSSL_LIB_CTX *libctx) {
  static const unsigned char alpn[] = "\x09" "dks-rpc/1";
  SSL_CTX *context = SSL_CTX_new_ex(libctx, NULL, TLS_client_method());
  if (context == NULL) return NULL;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  /* AES-128 first: the cheapest for many small records. The key of the server is checked by its fingerprint. */
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  /* One system call reads all records that have arrived. */
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 65536);
  if (SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1) != 0) {
    SSL_CTX_free(context);
    return NULL;
  }
  return context;
}

bool tls_wait(int fd, short events, int64_t deadline) {
  for (;;) {
    int64_t left = deadline - clock_ms();
    struct pollfd item = {.fd = fd, .events = events};
    int ready = poll(&item, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
    /* Errors of the socket show up in the next read or write. */
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    if (ready == 0 && left <= 0) return false;
  }
}

static void set_options(int fd, const struct patience *patience) {
  int on = 1, idle = patience->keepalive_s, count = KEEP_COUNT;
  int interval = idle < KEEP_INTERVAL_S ? idle : KEEP_INTERVAL_S;
  unsigned unacknowledged = (unsigned)patience->silence_ms;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* A peer that vanished without a word is noticed by the first request. */
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
  if (idle == 0) return;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/* One address: connects until the deadline. On failure errno tells why. */
static bool connect_address(const struct patience *patience, const struct sockaddr *address, socklen_t length,
                            struct own_socket *own, int64_t deadline) {
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct stat status;
  if (fd < 0) return false;
  own->inode = fstat(fd, &status) == 0 ? status.st_ino : 0;
  atomic_store(&own->fd, fd);
  set_options(fd, patience);
  int error = 0;
  socklen_t size = sizeof error;
  if (connect(fd, address, length) == 0) return true;
  if (errno != EINPROGRESS) {
    error = errno;
  } else if (!tls_wait(fd, POLLOUT, deadline)) {
    error = ETIMEDOUT;
  } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  if (error == 0) return true;
  tls_close_socket(own);
  errno = error;
  return false;
}

/* All addresses of a host one after the other; each gets its share of the time. */
static bool connect_list(struct library *library, const struct addrinfo *list, struct own_socket *own,
                         int64_t deadline) {
  struct config *config = &library->config;
  int left = 0;
  for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) left++;
  for (const struct addrinfo *at = list; at != NULL; at = at->ai_next, left--) {
    int64_t now = clock_ms();
    if (!connect_address(&library->patience, at->ai_addr, at->ai_addrlen, own, now + (deadline - now) / left)) continue;
    memcpy(&config->address, at->ai_addr, at->ai_addrlen);
    config->address_length = at->ai_addrlen;
    return true;
  }
  return false;
}

static bool connect_host(struct library *library, struct own_socket *own, int64_t deadline,
                         enum tls_outcome *outcome) {
  struct config *config = &library->config;
  /* Where it was last time: a resolver that is out of reach as well would only cost time. */
  int64_t now = clock_ms();
  if (config->address_length > 0 &&
      connect_address(&library->patience, (const struct sockaddr *)&config->address, config->address_length, own,
                      now + (deadline - now) / 2))
    return true;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
  int failure = getaddrinfo(config->host, config->port, &hints, &list);
  if (failure != 0) {
    if (failure == EAI_AGAIN) *outcome = TLS_UNANSWERED;
    log_message(LOG_CONNECT, "cannot find the host %s: %s; check <IP> of section <rpc> in %s", config->host,
                failure == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(failure), config->path);
    return false;
  }
  bool connected = connect_list(library, list, own, deadline);
  int error = errno;
  freeaddrinfo(list);
  if (connected) return true;
  if (error == ETIMEDOUT) *outcome = TLS_UNANSWERED;
  log_message(LOG_CONNECT, "cannot connect to the HSM at %s port %s: %s; " CHECK " %s", config->host, config->port,
              strerrordesc_np(error), config->path);
  return false;
}

static bool handshake(SSL *ssl, const struct config *config, int fd, int64_t deadline, enum tls_outcome *outcome) {
  for (;;) {
    ERR_clear_error();
    errno = 0;
    int result = SSL_connect(ssl);
    if (result == 1) return true;
    int error = SSL_get_error(ssl, result);
    const char *reason = "the connection was closed";
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      if (tls_wait(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) continue;
      reason = "no answer in time";
      *outcome = TLS_UNANSWERED;
    } else if (error == SSL_ERROR_SSL) {
      reason = ERR_reason_error_string(ERR_peek_error());
    } else if (errno != 0) {
      reason = strerrordesc_np(errno);
    }
    log_message(LOG_CONNECT, "no TLS connection with the HSM at %s port %s: %s; " CHECK " %s", config->host,
                config->port, reason == NULL ? "TLS error" : reason, config->path);
    return false;
  }
}

static bool check_key(OSSL_LIB_CTX *libctx, SSL *ssl, struct config *config) {
  uint8_t digest[32], *der = NULL;
  X509 *certificate = SSL_get0_peer_certificate(ssl);
  int length = certificate == NULL ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  bool good = length > 0 && EVP_Q_digest(libctx, "SHA256", NULL, der, (size_t)length, digest, NULL) == 1;
  OPENSSL_free(der);
  return good && trust_server(config, digest);
}

SSL *tls_connect(struct library *library, struct own_socket *own, int64_t deadline, enum tls_outcome *outcome) {
  struct config *config = &library->config;
  *outcome = TLS_REFUSED;
  if (!connect_host(library, own, deadline, outcome)) return NULL;
  SSL *ssl = SSL_new(library->tls);
  BIO *bio = ssl == NULL ? NULL : socket_bio(own->fd);
  if (bio != NULL) {
    SSL_set_bio(ssl, bio, bio);
    SSL_set_tlsext_host_name(ssl, config->servername);
    if (handshake(ssl, config, own->fd, deadline, outcome)) {
      *outcome = check_key(library->libctx, ssl, config) ? TLS_CONNECTED : TLS_UNTRUSTED;
      if (*outcome == TLS_CONNECTED) return ssl;
    }
  }
  SSL_free(ssl);
  tls_close_socket(own);
  return NULL;
}

void tls_close_socket(struct own_socket *own) {
  struct stat status;
  int fd = atomic_exchange(&own->fd, -1);
  if (fd >= 0 && fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_ino == own->inode) close(fd);
}
