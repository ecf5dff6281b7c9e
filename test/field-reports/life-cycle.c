/* life-cycle: C_Initialize and C_Finalize, fork, exec, dlopen and dlclose in programs that do other things too
 * (PKCS#11 5.4). */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

#include "footprint.h"

/* A fork takes long where a sanitizer keeps its shadow. */
#ifdef __SANITIZE_ADDRESS__
enum { FORKS = 12, LIVES = 40 };
#else
enum { FORKS = 60, LIVES = 90 };
#endif

/* More of them in the slow tests. */
static int rounds(const char *variable, int usual) {
  const char *text = getenv(variable);
  return text == NULL ? usual : atoi(text);
}

static struct key_pair pair;
static _Atomic bool stop;
static _Atomic int signatures;

static void *sign_until_told(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  EVP_PKEY *key = software_key(session, pair.public);
  CK_BYTE data[32] = {0}, signature[64];
  for (int i = 0; !stop; i++) {
    CK_ULONG size = sizeof signature;
    memcpy(data, &i, sizeof i);
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, data, 32, signature, &size));
    CHECK(ecdsa_verifies(key, data, 32, signature, size));
    signatures++;
  }
  EVP_PKEY_free(key);
  OK(p11->C_CloseSession(session));
  return argument;
}

/* In the child: C_Initialize is a new start, and the parent's connection is left alone. */
static int child_uses_module(void) {
  CK_INFO info;
  if (p11->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED) return 1;
  if (p11->C_Initialize(NULL) != CKR_OK) return 2;
  CK_SESSION_HANDLE session;
  if (p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK) return 3;
  CK_BYTE random[8];
  if (p11->C_GenerateRandom(session, random, sizeof random) != CKR_OK) return 4;
  return p11->C_Finalize(NULL) == CKR_OK ? 0 : 5;
}

static void spawn(bool use_module) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (use_module) _exit(child_uses_module());
    execl("/bin/true", "true", (char *)NULL);
    _exit(99);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) FAIL("child ended with 0x%x", (unsigned)status);
}

TEST(fork_while_busy, "a busy program with threads forks and executes others, and children may begin anew") {
  CK_SESSION_HANDLE session = start();
  pthread_t threads[8];
  pair = session_p256(session);
  for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, sign_until_told, NULL) == 0);
  for (int i = 0; i < rounds("DKS_TEST_FORKS", FORKS); i++) spawn(i % 6 == 0);
  int before = signatures;
  while (signatures < before + 50) nanosleep(&(struct timespec){0, 1000000}, NULL);
  stop = true;
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}

static void *initialize_until_told(void *argument) {
  while (!stop) {
    OK(p11->C_Initialize(NULL));
    CK_SESSION_HANDLE session = open_session();
    CK_BYTE random[8];
    OK(p11->C_GenerateRandom(session, random, sizeof random));
    OK(p11->C_Finalize(NULL));
    signatures++;
  }
  return argument;
}

TEST(fork_while_initializing, "a program forks in one thread while another initializes and finalizes") {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, initialize_until_told, NULL) == 0);
  for (int i = 0; i < rounds("DKS_TEST_FORKS", FORKS); i++) spawn(i % 6 == 0);
  while (signatures < 3) nanosleep(&(struct timespec){0, 1000000}, NULL);
  stop = true;
  pthread_join(thread, NULL);
}

/* One life, and the sessions it needs. */
static void one_life(bool finalize) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  CK_BYTE random[8];
  OK(p11->C_GenerateRandom(session, random, sizeof random));
  if (finalize) OK(p11->C_Finalize(NULL));
}

static char *module_path(void) {
  Dl_info info;
  CHECK(dladdr((void *)p11->C_Initialize, &info) != 0);
  return strdup(info.dli_fname);
}

static void many_lives(int variant) {
  char *path = module_path();
  void *handle = NULL;
  int files = 0, threads = 0;
  long memory = 0;
  for (int i = 0; i < rounds("DKS_TEST_RELOADS", LIVES); i++) {
    if (variant != 2) handle = load_module(path, 0);
    one_life(variant != 1 || i % 2 == 0);
    if (variant == 1 && i % 2 == 1) OK(p11->C_Finalize(NULL));
    if (variant != 2) CHECK(dlclose(handle) == 0);
    if (i == 30) {
      files = entries("/proc/self/fd");
      threads = entries("/proc/self/task");
      memory = resident_kib();
    }
    if (i <= 30) continue;
    CHECK(entries("/proc/self/fd") == files && entries("/proc/self/task") == threads);
  }
  long growth = resident_kib() - memory;
  if (growth > 1024 && FORKS > 12) FAIL("grew by %ld KiB", growth);
  free(path);
}

TEST(load_and_unload,
     "loaded, used and unloaded again and again, the module leaves no descriptor, thread or memory behind") {
  many_lives(0);
}

TEST(initialize_and_finalize,
     "initialized and finalized again and again, the module leaves no descriptor, thread or memory behind") {
  many_lives(2);
}

TEST(unloaded_without_finalize, "dlclose without C_Finalize does no harm; the next user finds the module as it was") {
  char *path = module_path();
  for (int i = 0; i < 20; i++) {
    void *handle = load_module(path, 0);
    one_life(false);
    CHECK(dlclose(handle) == 0);
    load_module(path, 0);
    ONE_OF(p11->C_Finalize(NULL), CKR_OK, CKR_CRYPTOKI_NOT_INITIALIZED);
  }
  free(path);
}

static pthread_barrier_t barrier;
static _Atomic int first, later;

static void *initialize_at_once(void *argument) {
  pthread_barrier_wait(&barrier);
  CK_RV rv = p11->C_Initialize(NULL);
  if (rv == CKR_OK) first++;
  else if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) later++;
  else FAIL("C_Initialize is 0x%lx", rv);
  return argument;
}

TEST(two_users, "two parts of a program use the module: the second is told, the first one's operation goes on (5.4)") {
  pthread_t threads[16];
  pthread_barrier_init(&barrier, NULL, 16);
  for (int i = 0; i < 16; i++) CHECK(pthread_create(&threads[i], NULL, initialize_at_once, NULL) == 0);
  for (int i = 0; i < 16; i++) pthread_join(threads[i], NULL);
  CHECK(first == 1 && later == 15);
  CK_SESSION_HANDLE session = open_session();
  log_in(session);
  struct key_pair rsa = session_rsa(session, 2048);
  EVP_PKEY *key = software_key(session, rsa.public);
  CK_BYTE signature[256];
  CK_ULONG size = sizeof signature;
  OK(p11->C_SignInit(session, MECHANISM(CKM_SHA256_RSA_PKCS), rsa.private));
  OK(p11->C_SignUpdate(session, (CK_BYTE *)"one ", 4));
  CK_FUNCTION_LIST *ours = p11;
  char *path = module_path();
  load_module(path, RTLD_LOCAL);
  CHECK(p11 == ours);
  EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(NULL));
  OK(p11->C_SignUpdate(session, (CK_BYTE *)"two", 3));
  OK(p11->C_SignFinal(session, signature, &size));
  CHECK(pkcs1_verifies(key, EVP_sha256(), "one two", 7, signature, size));
  OK(p11->C_Finalize(NULL));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Sign(session, signature, 1, signature, &size));
  /* The program's own OpenSSL was never the module's. */
  CHECK(hash(EVP_sha256(), "abc", 3).at[0] == 0xba);
  CHECK(pkcs1_verifies(key, EVP_sha256(), "one two", 7, signature, size));
  free(path);
}

PART(holds_sessions) {
  CK_SESSION_HANDLE session = start();
  for (int i = 0; i < 5; i++) open_session();
  session_p256(session);
  puts("ready");
  fflush(stdout);
  pause();
}

PART(exits) {
  start();
  for (int i = 0; i < 5; i++) open_session();
  exit(0);
}

PART(opens_many) {
  CK_SESSION_HANDLE session = start();
  for (int i = 0; i < 200; i++) open_session();
  CK_ATTRIBUTE label = TEXT(CKA_LABEL, "p256");
  /* Session keys of dead clients are gone with them. */
  CHECK(count_of(session, &label, 1) == 0);
}
