/*
 * parallel MODULE THREADS: logs in and makes a key, prints `waiting` and waits for a line; then all threads sign once at the
 * same moment. Prints every CK_RV with its milliseconds. Again for each further line, until the end of input.
 */

#include <pthread.h>
#include <time.h>

#include "module.h"

enum { THREADS_MAX = 64 };

static struct key_pair pair;
static pthread_barrier_t barrier;

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void *sign(void *argument) {
  CK_SESSION_HANDLE session = *(CK_SESSION_HANDLE *)argument;
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
  CK_BYTE digest[32] = "digest", signature[64];
  CK_ULONG size = sizeof signature;
  pthread_barrier_wait(&barrier);
  long start = now_ms();
  OK(p11->C_SignInit(session, &mechanism, pair.private));
  CK_RV rv = p11->C_Sign(session, digest, sizeof digest, signature, &size);
  printf("sign 0x%lx %ld\n", rv, now_ms() - start);
  if (rv != CKR_OK) return NULL;
  OK(p11->C_VerifyInit(session, &mechanism, pair.public));
  OK(p11->C_Verify(session, digest, sizeof digest, signature, size));
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  int count = atoi(argv[2]);
  CHECK(count > 0 && count <= THREADS_MAX);
  load_module(argv[1], 0);
  CK_SESSION_HANDLE session = start(), sessions[THREADS_MAX];
  pair = generate_p256(session, "parallel");
  for (int i = 0; i < count; i++) sessions[i] = open_session();
  pthread_barrier_init(&barrier, NULL, (unsigned)count);
  char line[16];
  for (;;) {
    printf("waiting\n");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) break;
    pthread_t threads[THREADS_MAX];
    for (int i = 0; i < count; i++) CHECK(pthread_create(&threads[i], NULL, sign, &sessions[i]) == 0);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    printf("done\n");
  }
  OK(p11->C_Finalize(NULL));
  return 0;
}
