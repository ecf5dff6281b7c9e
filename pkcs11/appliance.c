#include "appliance.h"

#include "clock.h"
#include "library.h"
#include "log.h"

/* How often a request whose connection was lost is sent again: a request that ends the appliance must not go on for ever. */
enum { RESENDS = 3, FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 1000 };

enum verdict {
  /* `rv` is the result. */
  DONE,
  /* Send it again at once. */
  AGAIN,
  /* The appliance is there, but not ready: send it again after a pause. */
  LATER
};

static bool takes_pin(uint32_t function) {
  return function == RPC_LOGIN || function == RPC_SET_PIN || function == RPC_PIN_CHANGE ||
         function == RPC_TOKEN_INITIALIZE || function == RPC_CONTEXT_LOGIN;
}

/* PKCS#11 result for a status of the protocol. */
static CK_RV status_result(uint32_t status, uint32_t function) {
  if (status >= CKR_STATUS_BASE) return status - CKR_STATUS_BASE;
  switch (status) {
    case HAL_OK:
      return CKR_OK;
    case HAL_BAD_ARGUMENTS:
      return takes_pin(function) ? CKR_PIN_LEN_RANGE : CKR_ARGUMENTS_BAD;
    case HAL_UNSUPPORTED_KEY:
      return CKR_KEY_SIZE_RANGE;
    case HAL_ALLOCATION_FAILURE:
    case HAL_NO_KEY_SLOTS_AVAILABLE:
    case HAL_NO_KEY_INDEX_SLOTS:
      return CKR_DEVICE_MEMORY;
    case HAL_RESULT_TOO_LONG:
      return CKR_DATA_LEN_RANGE;
    case HAL_INVALID_SIGNATURE:
      return CKR_SIGNATURE_INVALID;
    case HAL_KEY_NOT_FOUND:
      return CKR_OBJECT_HANDLE_INVALID;
    case HAL_PIN_INCORRECT:
      return CKR_PIN_INCORRECT;
    case HAL_NO_CLIENT_SLOTS_AVAILABLE:
      return CKR_SESSION_COUNT;
    case HAL_RPC_TRANSPORT:
      return CKR_DEVICE_REMOVED;
    default:
      return CKR_DEVICE_ERROR;
  }
}

/* The state of the appliance (APPLIANCE_...), asked on this connection. */
static uint32_t appliance_state(struct library *library, struct connection *connection) {
  struct request *request = request_new(&library->requests, RPC_TOKEN_INFO);
  uint32_t state = APPLIANCE_NO_DEVICE;
  struct token_info info;
  if (request != NULL && connection_exchange(connection, request) == REQUEST_ANSWERED &&
      request_status(request) == HAL_OK && token_decode(request, &info)) {
    state = info.state;
  }
  request_release(&library->requests, request);
  return state;
}

static enum verdict not_operational(struct library *library, uint32_t state) {
  const struct config *config = &library->config;
  switch (state) {
    case APPLIANCE_NO_MASTER_KEY:
      log_message(LOG_NO_MASTER_KEY, "the HSM at %s has no master key: set it with dks_setup_console (masterkey set)",
                  config->host);
      return DONE;
    case APPLIANCE_TAMPER:
      log_message(LOG_TAMPER, "the HSM at %s reports tampering and has erased its master key", config->host);
      return DONE;
    case APPLIANCE_LOCKED:
      log_message(LOG_LOCKED, "the HSM at %s is locked: log in with dks_setup_console", config->host);
      return LATER;
    default:
      log_message(LOG_NO_DEVICE, "the HSM at %s has no device that is ready; look at its status page", config->host);
      return LATER;
  }
}

/* The PIN for this use of the key went with the connection on which it was given: the same use, so it is given again. */
static enum verdict restore_context(struct library *library, struct connection *connection,
                                    const struct request *request, uint64_t restored) {
  if (request->sent > RESENDS) return DONE;
  uint32_t status = login_restore_context(library, connection, request->context_key);
  if (status_result(status, RPC_CONTEXT_LOGIN) == CKR_USER_NOT_LOGGED_IN) {
    if (login_again(library, connection, restored) != CKR_OK) return AGAIN;
    status = login_restore_context(library, connection, request->context_key);
  }
  return status == HAL_OK || connection->broken ? AGAIN : DONE;
}

/* The appliance says that the login is missing. */
static enum verdict restore_login(struct library *library, struct connection *connection, struct request *request,
                                  uint64_t restored, bool *tried) {
  if (request->function == RPC_LOGIN || request->function == RPC_LOGOUT) return DONE;
  if (login_user(library) == NOBODY) return DONE;
  if (request->context_key != NULL) return restore_context(library, connection, request, restored);
  if (*tried && request->personal) return DONE;
  /* The security officer, too, is refused much. */
  if (*tried && login_user(library) == CKU_SO) return DONE;
  /* The PIN is right, or it would be forgotten: the appliance cannot log anybody in yet. */
  if (*tried) {
    *tried = false;
    return LATER;
  }
  *tried = true;
  if (login_again(library, connection, restored) != CKR_OK) return AGAIN; /* the connection was lost */
  return login_user(library) == NOBODY ? DONE : AGAIN;
}

/*
 * The appliance does not serve us: it is locked, has lost its login or its devices, or is about to end (then it still calls
 * itself operational).
 */
static enum verdict judge_refusal(struct library *library, struct connection *connection, struct request *request,
                                  uint64_t restored, bool *tried, CK_RV *rv) {
  uint32_t state = appliance_state(library, connection);
  *rv = CKR_DEVICE_ERROR;
  if (connection->broken) return AGAIN;
  if (state != APPLIANCE_OPERATIONAL) return not_operational(library, state);
  return restore_login(library, connection, request, restored, tried) == AGAIN ? AGAIN : LATER;
}

/* Functions that an appliance answers only while it is unlocked and in good health. */
static bool needs_operation(uint32_t function) {
  return function != RPC_TOKEN_INFO && function != RPC_MECHANISM_LIST && function != RPC_LOGOUT;
}

/*
 * Whether a search was answered as for nobody, because the appliance could not log us in when the connection was made. All
 * other functions say so.
 */
static bool found_without_login(struct library *library, const struct connection *connection, uint32_t function) {
  return function == RPC_OBJECT_FIND && !connection->logged_in && login_user(library) != NOBODY;
}

static enum verdict judge(struct library *library, struct connection *connection, struct request *request,
                          uint64_t restored, bool *tried, CK_RV *rv) {
  uint32_t status = request_status(request);
  *rv = status_result(status, request->function);
  if (*rv == CKR_OK && found_without_login(library, connection, request->function)) *rv = CKR_USER_NOT_LOGGED_IN;
  if (*rv == CKR_OK) {
    if (request->function == RPC_LOGIN) connection->logged_in = true;
    if (request->function == RPC_LOGOUT) connection->logged_in = false;
    if (needs_operation(request->function)) library->link.was_operational = true;
    return DONE;
  }
  if (*rv == CKR_USER_NOT_LOGGED_IN) return restore_login(library, connection, request, restored, tried);
  if (status == HAL_FORBIDDEN || status == HAL_NOT_READY)
    return judge_refusal(library, connection, request, restored, tried, rv);
  if (status == HAL_RPC_TRANSPORT) return LATER;
  if (*rv == CKR_DEVICE_MEMORY) {
    log_message(LOG_FULL,
                "the HSM at %s has no room for this (function 0x%x): delete keys, or free some space on its disk; "
                "its log tells which",
                library->config.host, request->function);
  }
  if (*rv != CKR_DEVICE_ERROR) return DONE;
  uint32_t state = appliance_state(library, connection);
  if (connection->broken) return AGAIN;
  if (state != APPLIANCE_OPERATIONAL) return not_operational(library, state);
  log_message(LOG_DEVICE, "the HSM at %s reports an error (function 0x%x, status %u); its log tells the reason",
              library->config.host, request->function, status);
  return DONE;
}

/* Sends once. */
static enum verdict attempt(struct library *library, struct connection *connection, struct request *request,
                            bool *tried, CK_RV *rv) {
  const struct config *config = &library->config;
  uint64_t restored = login_restored(library);
  switch (connection_exchange(connection, request)) {
    case REQUEST_ANSWERED:
      return judge(library, connection, request, restored, tried, rv);
    case REQUEST_TIMED_OUT:
      log_message(LOG_TIMEOUT, "the HSM at %s port %s gave no answer within %d seconds (function 0x%x)", config->host,
                  config->port, request->timeout_ms / 1000, request->function);
      *rv = CKR_DEVICE_ERROR;
      return DONE;
    default:
      if (!library->link.stopping) {
        log_message(LOG_LOST, "the connection to the HSM at %s port %s was lost; connecting again", config->host,
                    config->port);
      }
      *rv = CKR_DEVICE_REMOVED;
      return request->sent > (request->once ? 0 : RESENDS) ? DONE : AGAIN;
  }
}

/* Whether the appliance has served this request, or would have served it if it were a better one. */
static bool served(const struct connection *connection, const struct request *request, enum verdict verdict, CK_RV rv) {
  return connection != NULL && verdict == DONE && rv != CKR_DEVICE_ERROR && rv != CKR_DEVICE_REMOVED &&
         needs_operation(request->function);
}

/* Whether to send again, after a pause if there was an attempt before; `start` is when the trouble began. */
static bool go_on(struct library *library, const struct connection *connection, enum verdict verdict, int64_t start,
                  int attempts, int64_t *pause) {
  const struct link *link = &library->link;
  int64_t spent = clock_ms() - start;
  if (link->stopping) return false;
  bool there = connection != NULL && !connection->broken;
  if (verdict == AGAIN && attempts <= 2 && (there || spent < link_patience_ms(library))) return true;
  /* Only an appliance that was there, and unlocked, before is waited for. */
  if (verdict == LATER && !(connection == NULL ? link->was_connected : link->was_operational)) return false;
  int64_t most = connection == NULL ? link_wait_ms(library) : library->patience.retry_ms;
  if (spent + *pause >= most || !link_sleep(library, *pause)) return false;
  *pause = 2 * *pause < LONGEST_PAUSE_MS ? 2 * *pause : LONGEST_PAUSE_MS;
  return true;
}

CK_RV appliance_call(struct library *library, struct request *request, enum call_mode mode) {
  if (request->message.failed) return CKR_HOST_MEMORY;
  if (request->message.length > LIMIT_OWN_MESSAGE) return CKR_DATA_LEN_RANGE;
  int64_t start = clock_ms(), pause = FIRST_PAUSE_MS;
  int64_t since = atomic_load(&library->link.trouble_since);
  if (since != 0 && since < start) start = since;
  bool tried = false;
  for (int attempts = 1;; attempts++) {
    CK_RV rv = CKR_DEVICE_REMOVED;
    if (mode == CALL_NORMAL && link_given_up(library)) return rv;
    struct connection *connection = mode == CALL_IF_CONNECTED
                                        ? link_current(library)
                                        : link_acquire(library, link_deadline(library, start), &rv);
    enum verdict verdict = connection == NULL && rv == CKR_DEVICE_REMOVED ? LATER : DONE;
    if (connection != NULL) verdict = attempt(library, connection, request, &tried, &rv);
    /* The appliance may have worked for a long time before the trouble. */
    if (connection != NULL && attempts == 1 && verdict != DONE)
      start = clock_ms() - (connection->silent ? library->patience.silence_ms : 0);
    if (mode == CALL_NORMAL && verdict != DONE) start = link_trouble(library, start);
    if (served(connection, request, verdict, rv)) atomic_store(&library->link.trouble_since, 0);
    bool again = verdict != DONE && mode != CALL_IF_CONNECTED && !(verdict == LATER && mode == CALL_PROBE) &&
                 go_on(library, connection, verdict, start, attempts, &pause);
    connection_release(connection);
    /* C_Finalize came in between. */
    if (!again) return rv == CKR_DEVICE_REMOVED && library->link.stopping ? CKR_CRYPTOKI_NOT_INITIALIZED : rv;
  }
}

CK_RV appliance_malformed(struct library *library) {
  struct connection *connection = link_current(library);
  log_message(LOG_PROTOCOL, "the HSM sent a malformed reply; the connection is closed");
  if (connection != NULL) connection_break(connection);
  connection_release(connection);
  return CKR_DEVICE_ERROR;
}
