/* finalize MODULE: C_Finalize while other threads wait for replies that never come, and close their sessions. */

#include <pthread.h>
#include <unistd.h>

#include "module.h"

enum { THREADS = 6 };

static struct key_pair pair;
static _Atomic int started;

static void *sign(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature;
  OK(p11->C_SignInit(session, &mechanism, pair.private));
  started++;
  CK_RV rv = p11->C_Sign(session, (CK_BYTE *)"digest", 6, signature, &size);
  CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_CloseSession(session));
  return argument;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  load_module(argv[1], 0);
  CK_SESSION_HANDLE session = start();
  pair = generate_p256(session, "finalize");
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, sign, NULL) == 0);
  while (started < THREADS) usleep(1000);
  usleep(100000);
  OK(p11->C_Finalize(NULL));
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  return 0;
}
