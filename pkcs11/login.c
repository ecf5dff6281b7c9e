#include "login.h"

#include <string.h>
#include <sys/mman.h>

#include "appliance.h"
#include "library.h"
#include "log.h"

/* The appliance delays the answer to a wrong PIN, longer each time. */
enum { LOGIN_MS = 120000 };

struct pin {
  size_t length;
  uint8_t bytes[LIMIT_PIN_MAX];
};

struct pin_memory {
  struct pin current;
  /* What the PIN is being changed to; empty when it is not. */
  struct pin next;
};

bool login_init(struct library *library) {
  struct login *login = &library->login;
  pthread_mutex_init(&login->serial, NULL);
  pthread_mutex_init(&login->lock, NULL);
  login->user = NOBODY;
  void *memory =
      mmap(NULL, sizeof(struct pin_memory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  /* Best effort: RLIMIT_MEMLOCK or an old kernel may not allow them. */
  (void)mlock(memory, sizeof(struct pin_memory));
  (void)madvise(memory, sizeof(struct pin_memory), MADV_DONTDUMP);
  (void)madvise(memory, sizeof(struct pin_memory), MADV_WIPEONFORK);
  login->pin = memory;
  return true;
}

static void keep_pin(struct pin *kept, const uint8_t *pin, size_t length) {
  explicit_bzero(kept, sizeof *kept);
  if (length > 0) memcpy(kept->bytes, pin, length);
  kept->length = length;
}

static void set_user(struct login *login, CK_USER_TYPE user, const uint8_t *pin, size_t length) {
  explicit_bzero(login->pin, sizeof *login->pin);
  keep_pin(&login->pin->current, pin, length);
  login->user = user;
  login->epoch++;
}

void login_forget(struct library *library) {
  struct login *login = &library->login;
  pthread_mutex_lock(&login->lock);
  set_user(login, NOBODY, NULL, 0);
  pthread_mutex_unlock(&login->lock);
}

void login_free(struct library *library) {
  struct login *login = &library->login;
  if (login->pin != NULL) {
    explicit_bzero(login->pin, sizeof *login->pin);
    munmap(login->pin, sizeof *login->pin);
  }
  pthread_mutex_destroy(&login->serial);
  pthread_mutex_destroy(&login->lock);
}

CK_USER_TYPE login_user(struct library *library) {
  pthread_mutex_lock(&library->login.lock);
  CK_USER_TYPE user = library->login.user;
  pthread_mutex_unlock(&library->login.lock);
  return user;
}

uint64_t login_epoch(struct library *library) {
  pthread_mutex_lock(&library->login.lock);
  uint64_t epoch = library->login.epoch;
  pthread_mutex_unlock(&library->login.lock);
  return epoch;
}

uint64_t login_restored(struct library *library) {
  pthread_mutex_lock(&library->login.lock);
  uint64_t restored = library->login.restored;
  pthread_mutex_unlock(&library->login.lock);
  return restored;
}

struct request *login_secret_request(struct library *library, uint32_t function) {
  struct request *request = request_new(&library->requests, function);
  if (request == NULL) return NULL;
  request->secret = true;
  request->timeout_ms = LOGIN_MS;
  return request;
}

/* A LOGIN request; NULL without memory. */
static struct request *login_request(struct library *library, CK_USER_TYPE user, const uint8_t *pin, size_t length) {
  struct request *request = login_secret_request(library, RPC_LOGIN);
  if (request == NULL) return NULL;
  xdr_put_u32(&request->message, user == CKU_SO ? HAL_USER_SO : HAL_USER_NORMAL);
  xdr_put_opaque(&request->message, pin, length);
  return request;
}

CK_RV login_check_pin(const uint8_t *pin, size_t length, CK_RV empty) {
  if (pin == NULL && length > 0) return CKR_ARGUMENTS_BAD;
  if (length == 0) return empty;
  return length < LIMIT_PIN_MIN || length > LIMIT_PIN_MAX ? CKR_PIN_LEN_RANGE : CKR_OK;
}

/* Sends a request and lets go of it; NULL stands for a lack of memory. */
static CK_RV send_and_release(struct library *library, struct request *request) {
  CK_RV rv = request == NULL ? CKR_HOST_MEMORY : appliance_call(library, request, CALL_NORMAL);
  request_release(&library->requests, request);
  token_forget(library); /* the flags may tell of wrong PINs */
  return rv;
}

CK_RV login_now(struct library *library, CK_USER_TYPE user, const uint8_t *pin, size_t length) {
  struct login *login = &library->login;
  pthread_mutex_lock(&login->serial);
  CK_USER_TYPE now = login_user(library);
  CK_RV rv = CKR_OK;
  if (now == user) rv = CKR_USER_ALREADY_LOGGED_IN;
  else if (now != NOBODY) rv = CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
  else if (user == CKU_SO && !session_claim_officer(library)) rv = CKR_SESSION_READ_ONLY_EXISTS;
  else {
    /* An empty PIN (a program without terminal, a missing PIN file) must not count as an attempt. */
    rv = login_check_pin(pin, length, CKR_PIN_INCORRECT);
    if (rv == CKR_OK) rv = send_and_release(library, login_request(library, user, pin, length));
    if (rv == CKR_OK) {
      pthread_mutex_lock(&login->lock);
      set_user(login, user, pin, length);
      pthread_mutex_unlock(&login->lock);
    } else {
      session_release_officer(library);
    }
  }
  pthread_mutex_unlock(&login->serial);
  return rv;
}

CK_RV login_for_key(struct library *library, const uint8_t key[16], const uint8_t *pin, size_t length) {
  CK_RV rv = login_check_pin(pin, length, CKR_PIN_INCORRECT);
  if (rv != CKR_OK) return rv;
  struct request *request = login_secret_request(library, RPC_CONTEXT_LOGIN);
  if (request != NULL) {
    xdr_put_uuid(&request->message, key);
    xdr_put_opaque(&request->message, pin, length);
  }
  return send_and_release(library, request);
}

/* Whether a PIN is the user's, while nobody is logged in. */
static CK_RV try_pin(struct library *library, const uint8_t *pin, size_t length) {
  CK_RV rv = send_and_release(library, login_request(library, CKU_USER, pin, length));
  if (rv == CKR_OK) send_and_release(library, request_new(&library->requests, RPC_LOGOUT));
  return rv;
}

CK_RV login_change_pin(struct library *library, const uint8_t *old, size_t old_length, const uint8_t *new,
                       size_t new_length) {
  CK_RV rv = login_check_pin(old, old_length, CKR_PIN_INCORRECT);
  if (rv == CKR_OK) rv = login_check_pin(new, new_length, CKR_PIN_LEN_RANGE);
  if (rv != CKR_OK) return rv;
  struct login *login = &library->login;
  pthread_mutex_lock(&login->serial);
  pthread_mutex_lock(&login->lock);
  bool logged_in = login->user != NOBODY;
  if (logged_in) keep_pin(&login->pin->next, new, new_length);
  pthread_mutex_unlock(&login->lock);
  struct request *request = login_secret_request(library, RPC_PIN_CHANGE);
  rv = CKR_HOST_MEMORY;
  if (request != NULL) {
    xdr_put_opaque(&request->message, old, old_length);
    xdr_put_opaque(&request->message, new, new_length);
    rv = appliance_call(library, request, CALL_NORMAL);
  }
  /* The reply to the first one was lost: perhaps the old PIN is wrong because the new one has been set. */
  bool repeated = request != NULL && request->sent > 1;
  request_release(&library->requests, request);
  token_forget(library);
  pthread_mutex_lock(&login->lock);
  /* Without an answer both stay: the next connection finds out which one is right. */
  bool unknown = rv != CKR_OK && rv != CKR_PIN_INCORRECT && repeated;
  /* login_restore() has found the new one to be right. */
  bool adopted = logged_in && login->pin->next.length == 0;
  if (rv == CKR_OK && logged_in && login->user != NOBODY) keep_pin(&login->pin->current, new, new_length);
  if (!unknown) keep_pin(&login->pin->next, NULL, 0);
  pthread_mutex_unlock(&login->lock);
  if (rv == CKR_PIN_INCORRECT && repeated) rv = adopted ? CKR_OK : logged_in ? rv : try_pin(library, new, new_length);
  pthread_mutex_unlock(&login->serial);
  return rv;
}

/* With `idle` only if no session is open; a login that waits for `serial` comes after the LOGOUT. */
static CK_RV log_out(struct library *library, bool idle) {
  struct login *login = &library->login;
  pthread_mutex_lock(&login->serial);
  CK_RV rv = login_user(library) == NOBODY ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
  bool ends = rv == CKR_OK;
  if (ends && idle) ends = session_end_login(library);
  else if (ends) login_forget(library);
  if (ends) {
    session_release_officer(library);
    object_table_drop_private(library);
    struct request *request = request_new(&library->requests, RPC_LOGOUT);
    /* Without a connection there is nothing to log out from. */
    if (request != NULL) appliance_call(library, request, CALL_IF_CONNECTED);
    request_release(&library->requests, request);
  }
  pthread_mutex_unlock(&login->serial);
  return rv;
}

CK_RV logout_now(struct library *library) { return log_out(library, false); }

void logout_if_idle(struct library *library) {
  if (session_none(library)) log_out(library, true);
}

/* Sends a LOGIN on a connection that is not in general use yet. HAL_RPC_TRANSPORT: the connection was lost. */
static uint32_t log_in_on(struct library *library, struct connection *connection, struct request *request) {
  uint32_t status = HAL_ALLOCATION_FAILURE;
  if (request != NULL)
    status = connection_exchange(connection, request) == REQUEST_ANSWERED ? request_status(request) : HAL_RPC_TRANSPORT;
  request_release(&library->requests, request);
  return status;
}

/* The request to log in with the PIN, or with the one it is being changed to; NULL without memory. */
static struct request *restoring_request(struct library *library, bool next) {
  const struct login *login = &library->login;
  const struct pin *pin = next ? &login->pin->next : &login->pin->current;
  return login_request(library, login->user, pin->bytes, pin->length);
}

CK_RV login_restore(struct library *library, struct connection *connection) {
  struct login *login = &library->login;
  pthread_mutex_lock(&login->lock);
  uint64_t epoch = login->epoch;
  bool needed = login->user != NOBODY;
  struct request *first = needed ? restoring_request(library, false) : NULL;
  struct request *second = needed && login->pin->next.length > 0 ? restoring_request(library, true) : NULL;
  pthread_mutex_unlock(&login->lock);
  if (!needed) return CKR_OK;

  uint32_t status = log_in_on(library, connection, first);
  bool changed = status == HAL_PIN_INCORRECT && second != NULL;
  if (changed) status = log_in_on(library, connection, second);
  else request_release(&library->requests, second);
  if (status == HAL_ALLOCATION_FAILURE) return CKR_HOST_MEMORY;
  if (status == HAL_RPC_TRANSPORT) return CKR_DEVICE_REMOVED;

  pthread_mutex_lock(&login->lock);
  bool same = login->epoch == epoch;
  if (same && status == HAL_OK) {
    connection->logged_in = true;
    login->restored++;
    if (changed && login->pin->next.length > 0) {
      login->pin->current = login->pin->next;
      keep_pin(&login->pin->next, NULL, 0);
    }
  }
  if (same && status == HAL_PIN_INCORRECT) set_user(login, NOBODY, NULL, 0);
  pthread_mutex_unlock(&login->lock);
  if (same && status == HAL_PIN_INCORRECT) {
    session_release_officer(library);
    log_message(LOG_RELOGIN,
                "the HSM refused the PIN when the login was restored after a lost connection; log in again");
  }
  if (same) return CKR_OK;
  /* The application logged out meanwhile: this connection must not stay logged in. */
  connection_break(connection);
  return CKR_DEVICE_REMOVED;
}

uint32_t login_restore_context(struct library *library, struct connection *connection, const uint8_t key[16]) {
  struct login *login = &library->login;
  struct request *request = login_secret_request(library, RPC_CONTEXT_LOGIN);
  pthread_mutex_lock(&login->lock);
  if (request != NULL) {
    xdr_put_uuid(&request->message, key);
    xdr_put_opaque(&request->message, login->pin->current.bytes, login->pin->current.length);
  }
  pthread_mutex_unlock(&login->lock);
  return log_in_on(library, connection, request);
}

CK_RV login_again(struct library *library, struct connection *connection, uint64_t restored) {
  pthread_mutex_lock(&library->login.serial);
  CK_RV rv = login_restored(library) == restored ? login_restore(library, connection) : CKR_OK;
  pthread_mutex_unlock(&library->login.serial);
  return rv;
}
