/*
 * Who is logged in, as the application sees it. The PIN is kept while the login lasts, so that a lost connection or a
 * restarted appliance stays unnoticed: in locked memory that is left out of core files and is empty in forked children.
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
/* Forgets the login and tells the appliance, if it can be reached. CKR_USER_NOT_LOGGED_IN if there is none. */
CK_RV logout_now(struct library *library);
/* Forgets the login. */
void login_forget(struct library *library);

/*
 * Logs a new connection in again, if the application is logged in. A PIN that has become wrong is forgotten. CKR_OK also if
 * the appliance cannot log anybody in now; CKR_DEVICE_REMOVED if the connection was lost.
 */
CK_RV login_restore(struct library *library, struct connection *connection);
/* The appliance forgot our login on this connection. `restored` is login_restored() from before the failed request. */
CK_RV login_again(struct library *library, struct connection *connection, uint64_t restored);

#endif
