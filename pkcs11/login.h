/*
 * Who is logged in, as the application sees it. The PIN is kept while the login lasts, so that a lost connection or a
 * restarted appliance stays unnoticed: in locked memory that is left out of core files and is empty in forked children.
 * While a PIN is being changed both are kept: nobody knows which one holds if the connection is lost before the reply.
 */
#ifndef DKS_LOGIN_H
#define DKS_LOGIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cryptoki.h"

struct connection;
struct library;
struct pin_memory;

/* In place of a CK_USER_TYPE. */
#define NOBODY (~0UL)

struct login {
  /* One change of the login at a time; held over requests. */
  pthread_mutex_t serial;
  /* Guards the rest; never held over requests. */
  pthread_mutex_t lock;
  CK_USER_TYPE user;
  struct pin_memory *pin;
  /* Counts logins and logouts: an operation begun before a logout must not end behind it. */
  uint64_t epoch;
  /* Counts logins restored by us: whoever meets a lost login need not restore it twice. */
  uint64_t restored;
};

bool login_init(struct library *library);
void login_free(struct library *library);
CK_USER_TYPE login_user(struct library *library);
uint64_t login_epoch(struct library *library);
uint64_t login_restored(struct library *library);

/* C_Login without the checks on sessions: asks the appliance, remembers the PIN. */
CK_RV login_now(struct library *library, CK_USER_TYPE user, const uint8_t *pin, size_t length);
/* C_Login with CKU_CONTEXT_SPECIFIC: the PIN for one use of a key that demands it. */
CK_RV login_for_key(struct library *library, const uint8_t key[16], const uint8_t *pin, size_t length);
/* C_SetPIN: for the role that is logged in, for the user if nobody is. */
CK_RV login_change_pin(struct library *library, const uint8_t *old, size_t old_length, const uint8_t *new,
                       size_t new_length);
/* What an empty PIN is answered with depends: it is `empty`. CKR_OK if the PIN may be sent. */
CK_RV login_check_pin(const uint8_t *pin, size_t length, CK_RV empty);
/* A request that carries PINs: wiped afterwards, and given the time that wrong PINs are delayed. NULL without memory. */
struct request *login_secret_request(struct library *library, uint32_t function);
/* Forgets the login and tells the appliance, if it can be reached. CKR_USER_NOT_LOGGED_IN if there is none. */
CK_RV logout_now(struct library *library);
/* The same if no session is open: the login ends with the last one (PKCS#11 5.6.7). */
void logout_if_idle(struct library *library);
/* Forgets the login. */
void login_forget(struct library *library);

/*
 * Logs a new connection in again, if the application is logged in. A PIN that has become wrong is forgotten. CKR_OK also if
 * the appliance cannot log anybody in now; CKR_DEVICE_REMOVED if the connection was lost.
 */
CK_RV login_restore(struct library *library, struct connection *connection);
/*
 * The PIN for one use of a key that the application has given it for, again: the connection was lost in between. A status,
 * HAL_RPC_TRANSPORT if this connection was lost too.
 */
uint32_t login_restore_context(struct library *library, struct connection *connection, const uint8_t key[16]);
/* The appliance forgot our login on this connection. `restored` is login_restored() from before the failed request. */
CK_RV login_again(struct library *library, struct connection *connection, uint64_t restored);

#endif
