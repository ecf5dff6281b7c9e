/* threads MODULE THREADS SIGNATURES: C_Initialize races; then all threads sign with one key over one connection. */

#include <pthread.h>
#include <time.h>

#include "module.h"

static struct key_pair pair;
static int signatures;
static pthread_barrier_t barrier;
static _Atomic int initialized, already;

static void *initialize(void *argument) {
  pthread_barrier_wait(&barrier);
  CK_RV rv = p11->C_Initialize(NULL);
  if (rv == CKR_OK) initialized++;
  else if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) already++;
  else FAIL("C_Initialize is 0x%lx", rv);
  /* Whoever got an answer may go on at once. */
  CK_INFO info;
  OK(p11->C_GetInfo(&info));
  return argument;
}

static void *sign(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  CK_BYTE digest[32], signature[64];
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
  memset(digest, (int)(long)argument, sizeof digest);
  for (int i = 0; i < signatures; i++) {
    CK_ULONG size = sizeof signature;
    memcpy(digest, &i, sizeof i);
    OK(p11->C_SignInit(session, &mechanism, pair.private));
    OK(p11->C_Sign(session, digest, sizeof digest, signature, &size));
    CHECK(size == 64);
    if (i % 16 != 0) continue;
    OK(p11->C_VerifyInit(session, &mechanism, pair.public));
    OK(p11->C_Verify(session, digest, sizeof digest, signature, size));
  }
  OK(p11->C_CloseSession(session));
  return NULL;
}

static void run(int count, void *(*body)(void *)) {
  pthread_t threads[count];
  for (long i = 0; i < count; i++) CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  int count = atoi(argv[2]);
  signatures = atoi(argv[3]);
  load_module(argv[1], 0);
  pthread_barrier_init(&barrier, NULL, (unsigned)count);
  run(count, initialize);
  CHECK(initialized == 1 && already == count - 1);

  CK_SESSION_HANDLE session = open_session();
  log_in(session);
  pair = generate_p256(session, "threads");
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  run(count, sign);
  clock_gettime(CLOCK_MONOTONIC, &to);
  double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
  printf("%.0f signatures per second\n", count * signatures / seconds);
  OK(p11->C_DestroyObject(session, pair.private));
  OK(p11->C_DestroyObject(session, pair.public));
  OK(p11->C_Finalize(NULL));
  return 0;
}
