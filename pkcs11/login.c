#include "login.h"

#include <string.h>
#include <sys/mman.h>

#include "appliance.h"
#include "library.h"
#include "log.h"

/* The appliance delays the answer to a wrong PIN, longer each time. */
enum { LOGIN_MS = 120000 };

struct pin_memory {
  size_t length;
  uint8_t bytes[LIMIT_PIN_MAX];
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

static void set_user(struct login *login, CK_USER_TYPE user, const uint8_t *pin, size_t length) {
  explicit_bzero(login->pin, sizeof *login->pin);
  if (length > 0) memcpy(login->pin->bytes, pin, length);
  login->pin->length = length;
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

/* A LOGIN request; NULL without memory. */
static struct request *login_request(struct library *library, CK_USER_TYPE user, const uint8_t *pin, size_t length) {
  struct request *request = request_new(&library->requests, RPC_LOGIN);
  if (request == NULL) return NULL;
  request->secret = true;
  request->timeout_ms = LOGIN_MS;
  xdr_put_u32(&request->message, user == CKU_SO ? HAL_USER_SO : HAL_USER_NORMAL);
  xdr_put_opaque(&request->message, pin, length);
  return request;
}

CK_RV login_now(struct library *library, CK_USER_TYPE user, const uint8_t *pin, size_t length) {
  struct login *login = &library->login;
  pthread_mutex_lock(&login->serial);
  CK_USER_TYPE now = login_user(library);
  CK_RV rv = CKR_OK;
  if (now == user) rv = CKR_USER_ALREADY_LOGGED_IN;
  else if (now != NOBODY) rv = CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
  /* An empty PIN (a program without terminal, a missing PIN file) must not count as an attempt. */
  else if (length == 0) rv = CKR_PIN_INCORRECT;
  else if (length < LIMIT_PIN_MIN || length > LIMIT_PIN_MAX) rv = CKR_PIN_LEN_RANGE;
  if (rv == CKR_OK) {
    struct request *request = login_request(library, user, pin, length);
    rv = request == NULL ? CKR_HOST_MEMORY : appliance_call(library, request, CALL_NORMAL);
    request_release(&library->requests, request);
  }
  if (rv == CKR_OK) {
    pthread_mutex_lock(&login->lock);
    set_user(login, user, pin, length);
    pthread_mutex_unlock(&login->lock);
  }
  token_forget(library); /* the flags may tell of wrong PINs */
  pthread_mutex_unlock(&login->serial);
  return rv;
}

CK_RV logout_now(struct library *library) {
  struct login *login = &library->login;
  pthread_mutex_lock(&login->serial);
  CK_RV rv = login_user(library) == NOBODY ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
  if (rv == CKR_OK) {
    login_forget(library);
    object_table_drop_private(library);
    struct request *request = request_new(&library->requests, RPC_LOGOUT);
    /* Without a connection there is nothing to log out from. */
    if (request != NULL) appliance_call(library, request, CALL_IF_CONNECTED);
    request_release(&library->requests, request);
  }
  pthread_mutex_unlock(&login->serial);
  return rv;
}

CK_RV login_restore(struct library *library, struct connection *connection) {
  struct login *login = &library->login;
  pthread_mutex_lock(&login->lock);
  uint64_t epoch = login->epoch;
  bool needed = login->user != NOBODY;
  struct request *request =
      needed ? login_request(library, login->user, login->pin->bytes, login->pin->length) : NULL;
  pthread_mutex_unlock(&login->lock);
  if (!needed) return CKR_OK;
  if (request == NULL) return CKR_HOST_MEMORY;

  enum request_state state = connection_exchange(connection, request);
  uint32_t status = state == REQUEST_ANSWERED ? request_status(request) : HAL_RPC_TRANSPORT;
  request_release(&library->requests, request);
  if (state != REQUEST_ANSWERED) return CKR_DEVICE_REMOVED;

  pthread_mutex_lock(&login->lock);
  bool same = login->epoch == epoch;
  if (same && status == HAL_OK) login->restored++;
  if (same && status == HAL_PIN_INCORRECT) set_user(login, NOBODY, NULL, 0);
  pthread_mutex_unlock(&login->lock);
  if (same && status == HAL_PIN_INCORRECT) {
    log_message(LOG_RELOGIN,
                "the HSM refused the PIN when the login was restored after a lost connection; log in again");
  }
  if (same) return CKR_OK;
  /* The application logged out meanwhile: this connection must not stay logged in. */
  connection_break(connection);
  return CKR_DEVICE_REMOVED;
}

CK_RV login_again(struct library *library, struct connection *connection, uint64_t restored) {
  pthread_mutex_lock(&library->login.serial);
  CK_RV rv = login_restored(library) == restored ? login_restore(library, connection) : CKR_OK;
  pthread_mutex_unlock(&library->login.serial);
  return rv;
}
