/* network: signs whenever told to, and says how it went and how long it took. */

#include <pthread.h>
#include <time.h>

#include "field.h"

static struct key_pair pair;

static void *sign_once(void *argument) {
  CK_SESSION_HANDLE session = (CK_SESSION_HANDLE)argument;
  CK_BYTE data[32], signature[64];
  CK_ULONG size = sizeof signature;
  struct timespec from, to;
  memset(data, (int)session, sizeof data);
  clock_gettime(CLOCK_MONOTONIC, &from);
  CK_RV rv = sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, data, 32, signature, &size);
  clock_gettime(CLOCK_MONOTONIC, &to);
  if (rv == CKR_OK) CHECK(ecdsa_verifies(software_key(session, pair.public), data, 32, signature, size));
  long ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
  printf("sign 0x%lx %ld\n", rv, ms);
  return NULL;
}

/* THREADS: reads a line, signs once in every thread, says so; ends with the input. */
PART(signs_on_demand) {
  int threads = atoi(arguments[0]);
  CK_SESSION_HANDLE sessions[64] = {start()};
  char line[16];
  pair = generate_p256(sessions[0], "network");
  for (int i = 1; i < threads; i++) sessions[i] = open_session();
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  for (puts("waiting"), fflush(stdout); fgets(line, sizeof line, stdin) != NULL; puts("done"), fflush(stdout)) {
    pthread_t running[64];
    for (int i = 0; i < threads; i++) CHECK(pthread_create(&running[i], NULL, sign_once, (void *)sessions[i]) == 0);
    for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
  }
  OK(p11->C_DestroyObject(sessions[0], pair.private));
  OK(p11->C_DestroyObject(sessions[0], pair.public));
}
