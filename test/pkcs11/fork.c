/* fork MODULE [FORKS]: what parents and children may do after a fork, also out of a busy process with many threads. */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"

enum { THREADS = 8, FORKS = 60 };

static struct key_pair pair;
static _Atomic int stop;

static int wait_for(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* A child that goes on without C_Initialize gets a clear answer from every function. */
static void uninitialized_child(CK_SESSION_HANDLE session) {
  CK_INFO info;
  CK_ULONG count = 0;
  CK_FUNCTION_LIST *list;
  OK(p11->C_GetFunctionList(&list));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_GetInfo(&info));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_GetSlotList(CK_TRUE, NULL, &count));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_SignInit(session, NULL, pair.private));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_CloseSession(session));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_CloseAllSessions(0));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
}

/* A child that initializes is an application of its own. */
static void initialized_child(void) {
  CK_SESSION_HANDLE session = start();
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE by_class = {CKA_CLASS, &class, sizeof class};
  CK_OBJECT_HANDLE key;
  CK_ULONG count;
  OK(p11->C_FindObjectsInit(session, &by_class, 1));
  OK(p11->C_FindObjects(session, &key, 1, &count));
  CHECK(count == 1);
  OK(p11->C_FindObjectsFinal(session));
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature;
  OK(p11->C_SignInit(session, &mechanism, key));
  OK(p11->C_Sign(session, (CK_BYTE *)"digest", 6, signature, &size));
  OK(p11->C_Finalize(NULL));
}

static void *sign(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  while (!stop) OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
  return argument;
}

static void *initialize_again(void *argument) {
  while (!stop) {
    CK_SESSION_HANDLE session = start();
    OK(p11->C_CloseSession(session));
    OK(p11->C_Finalize(NULL));
  }
  return argument;
}

/* Forks while threads are in the middle of whatever `body` does. */
static void fork_from(void *(*body)(void *), int count, int forks) {
  pthread_t threads[THREADS];
  stop = 0;
  for (int i = 0; i < count; i++) CHECK(pthread_create(&threads[i], NULL, body, NULL) == 0);
  for (int i = 0; i < forks; i++) {
    pid_t child = fork();
    if (child == 0) {
      if (i % 3 == 0) execl("/bin/true", "true", (char *)NULL);
#ifndef __SANITIZE_ADDRESS__ /* its malloc hangs in a child of a busy process */
      if (i % 3 == 1) initialized_child();
#endif
      _exit(0);
    }
    CHECK(wait_for(child) == 0);
  }
  stop = 1;
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  CHECK(argc == 2 || argc == 3);
  int forks = argc == 3 ? atoi(argv[2]) : FORKS;
  load_module(argv[1], 0);
  CK_SESSION_HANDLE session = start();
  pair = generate_p256(session, "fork");

  pid_t child = fork();
  if (child == 0) {
    uninitialized_child(session);
    initialized_child();
    exit(0); /* with exit handlers */
  }
  CHECK(wait_for(child) == 0);
  OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));

  /* The child finalizes first, as pkcs11-provider does. */
  child = fork();
  if (child == 0) {
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
    initialized_child();
    _exit(0);
  }
  CHECK(wait_for(child) == 0);

  /* A daemon closes all descriptors and gets the number of our socket for something else: it must stay open. */
  child = fork();
  if (child == 0) {
    int pipes[2];
    for (int fd = 3; fd < 64; fd++) close(fd);
    while (pipe(pipes) == 0 && pipes[1] < 40) {
    }
    OK(p11->C_Initialize(NULL));
    for (int fd = 3; fd < 40; fd++) CHECK(dup(fd) >= 0);
    _exit(0);
  }
  CHECK(wait_for(child) == 0);

  fork_from(sign, THREADS, forks);
  OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
  OK(p11->C_Finalize(NULL));
  fork_from(initialize_again, 1, forks);
  return 0;
}
