/*
 * signals MODULE MILLISECONDS: signs in several threads while signals without SA_RESTART interrupt every system call, and
 * while the library is initialized and logs in again and again.
 */

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "module.h"

enum { THREADS = 4 };

static struct key_pair pair;
static _Atomic long caught;
static _Atomic int stop;

static void count(int signal) {
  (void)signal;
  caught++;
}

static void *sign(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  while (!stop) OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
  return argument;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  long end = now_ms() + atol(argv[2]);
  load_module(argv[1], 0);
  struct sigaction action = {.sa_handler = count};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  struct itimerval interval = {{0, 997}, {0, 997}};
  CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
  int rounds = 0;
  do {
    CK_SESSION_HANDLE session = start();
    pair = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "signals", CK_FALSE);
    pthread_t threads[THREADS];
    stop = 0;
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, sign, NULL) == 0);
    for (int i = 0; i < 20; i++) OK(sign_and_verify(session, pair, CKM_ECDSA_SHA256, "message", 7));
    stop = 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    OK(p11->C_Finalize(NULL));
    rounds++;
  } while (now_ms() < end);
  CHECK(caught > 10);
  return 0;
}
