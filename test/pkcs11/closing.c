/*
 * closing MODULE ROUNDS: sessions are closed, one or all, and the library is finalized, while other threads are inside
 * calls with them. Nothing is used after it was freed, nothing hangs, and no signature is bad.
 */

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "module.h"

enum { THREADS = 4 };

static struct key_pair pair;
static CK_SESSION_HANDLE sessions[THREADS];
static _Atomic int stop;

static void check_ended(CK_RV rv) {
  switch (rv) {
    case CKR_OK:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_OPERATION_NOT_INITIALIZED:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_DEVICE_REMOVED: /* C_Finalize took the connection away */
    /* The last session took the login with it. */
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_KEY_HANDLE_INVALID:
      return;
    default:
      FAIL("0x%lx", rv);
  }
}

static CK_RV one_call(CK_SESSION_HANDLE session, int round) {
  CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature, found;
  CK_OBJECT_HANDLE handles[4];
  struct key_pair made;
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, {CKA_TOKEN, &no, 1}}, private[] = {{CKA_TOKEN, &no, 1}};
  CK_MECHANISM curve = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
  CK_RV rv;
  switch (round % 3) {
    case 0:
      rv = p11->C_SignInit(session, &mechanism, pair.private);
      return rv != CKR_OK ? rv : p11->C_Sign(session, (CK_BYTE *)"message", 7, signature, &size);
    case 1:
      rv = p11->C_FindObjectsInit(session, NULL, 0);
      if (rv == CKR_OK) rv = p11->C_FindObjects(session, handles, 4, &found);
      return rv != CKR_OK ? rv : p11->C_FindObjectsFinal(session);
    default:
      return p11->C_GenerateKeyPair(session, &curve, public, 2, private, 1, &made.public, &made.private);
  }
}

static void *use(void *argument) {
  CK_SESSION_HANDLE session = *(CK_SESSION_HANDLE *)argument;
  CK_RV rv = CKR_OK;
  for (int round = 0; rv == CKR_OK && !stop; round++) rv = one_call(session, round);
  check_ended(rv);
  return NULL;
}

static CK_ULONG session_objects(CK_SESSION_HANDLE session) {
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE template = {CKA_TOKEN, &no, 1};
  CK_OBJECT_HANDLE handles[64];
  CK_ULONG found;
  OK(p11->C_FindObjectsInit(session, &template, 1));
  OK(p11->C_FindObjects(session, handles, 64, &found));
  OK(p11->C_FindObjectsFinal(session));
  return found;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  load_module(argv[1], 0);
  CK_SESSION_HANDLE main_session = start();
  pair = generate_p256(main_session, "closing");
  srand(4711);
  for (int round = 0; round < atoi(argv[2]); round++) {
    pthread_t threads[THREADS];
    stop = 0;
    for (int i = 0; i < THREADS; i++) sessions[i] = open_session();
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, use, &sessions[i]) == 0);
    usleep((useconds_t)(rand() % 10000));
    switch (round % 4) {
      case 3:
        OK(p11->C_Finalize(NULL));
        break;
      case 2:
        OK(p11->C_CloseAllSessions(0));
        break;
      default:
        for (int i = 0; i < THREADS; i++) OK(p11->C_CloseSession(sessions[i]));
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CK_SESSION_INFO info;
    if (round % 4 == 3) main_session = start();
    if (round % 4 == 2) log_in(main_session = open_session());
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_GetSessionInfo(sessions[0] + 1000, &info));
    /* What a call made for a session that was closed under it is gone too. */
    CHECK(session_objects(main_session) == 0);
    if (round % 4 < 2) continue;
    /* The handles of private objects ended with the login. */
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
    CK_ULONG found;
    OK(p11->C_FindObjectsInit(main_session, &template, 1));
    OK(p11->C_FindObjects(main_session, &pair.private, 1, &found));
    OK(p11->C_FindObjectsFinal(main_session));
    CHECK(found == 1);
  }
  OK(p11->C_Finalize(NULL));
  return 0;
}
