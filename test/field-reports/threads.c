/* threads: many at once with one key, one session, one login; sessions closed under a running call
 * (PKCS#11 5.1.2, 5.6). */

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "field.h"

enum { THREADS = 16 };

static pthread_barrier_t barrier;
static struct key_pair pair;
static CK_MECHANISM_TYPE type;
static int rounds;
static CK_SESSION_HANDLE shared;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void in_threads(int count, void *(*body)(void *)) {
  pthread_t threads[count];
  for (long i = 0; i < count; i++) CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
  for (int i = 0; i < count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static bool verifies(EVP_PKEY *key, const CK_BYTE *data, const CK_BYTE *signature, CK_ULONG size) {
  if (type == CKM_ECDSA) return ecdsa_verifies(key, data, 32, signature, size);
  if (type == CKM_EDDSA) return eddsa_verifies(key, data, 32, signature, size);
  return pkcs1_verifies(key, EVP_sha256(), data, 32, signature, size);
}

static void *sign_many(void *argument) {
  CK_SESSION_HANDLE session = shared != 0 ? shared : open_session();
  EVP_PKEY *key = software_key(session, pair.public);
  CK_BYTE data[32] = {0}, signature[512];
  for (int i = 0; i < rounds; i++) {
    CK_ULONG size = sizeof signature;
    memcpy(data, &(long[]){(long)argument, i}, 16);
    if (shared != 0) pthread_mutex_lock(&shared_lock);
    OK(sign_raw(session, MECHANISM(type), pair.private, data, 32, signature, &size));
    if (shared != 0) pthread_mutex_unlock(&shared_lock);
    CHECK(verifies(key, data, signature, size));
    data[31] ^= 1;
    CHECK(!verifies(key, data, signature, size));
    data[31] ^= 1;
  }
  EVP_PKEY_free(key);
  if (shared == 0) OK(p11->C_CloseSession(session));
  return NULL;
}

static void sign_with(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, struct key_pair key, int count) {
  type = mechanism;
  pair = key;
  rounds = count;
  shared = 0;
  in_threads(32, sign_many);
  shared = session;
  rounds = count / 2;
  in_threads(32, sign_many);
}

TEST(one_key, "32 threads sign with one key, in sessions of their own or in one that they guard: every signature is "
              "its message's") {
  CK_SESSION_HANDLE session = start();
  sign_with(session, CKM_SHA256_RSA_PKCS, session_rsa(session, 3072), 4);
  sign_with(session, CKM_ECDSA, session_p256(session), 20);
  sign_with(session, CKM_EDDSA, generate(session, CKM_EC_EDWARDS_KEY_PAIR_GEN, EC_ED25519, 0, "ed", CK_FALSE), 20);
}

static void *come_and_go(void *argument) {
  (void)argument;
  for (int i = 0; i < rounds; i++) {
    CK_SESSION_HANDLE session;
    OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session));
    CK_SESSION_INFO info;
    OK(p11->C_GetSessionInfo(session, &info));
    /* As GnuTLS does: who sees that the application is logged in relies on it. */
    if (info.state == CKS_RO_PUBLIC_SESSION)
      ONE_OF(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, strlen(PIN)), CKR_OK, CKR_USER_ALREADY_LOGGED_IN);
    for (int look = 0; look < 50; look++) {
      OK(p11->C_GetSessionInfo(session, &info));
      CHECK(info.state == CKS_RO_USER_FUNCTIONS);
    }
    OK(p11->C_CloseSession(session));
  }
  return NULL;
}

TEST(last_session, "a thread that opens a session while another closes the last one is logged in until it closes it (5.6.7)") {
  OK(p11->C_CloseSession(start()));
  rounds = 20;
  in_threads(4, come_and_go);
}

static _Atomic int logged_in, already;
static _Atomic bool stop;

static void *log_in_at_once(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  CK_SESSION_INFO info;
  pthread_barrier_wait(&barrier);
  CK_RV rv = p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1);
  if (rv == CKR_OK) logged_in++;
  else if (rv == CKR_USER_ALREADY_LOGGED_IN) already++;
  else FAIL("C_Login is 0x%lx", rv);
  OK(p11->C_GetSessionInfo(session, &info));
  CHECK(info.state == CKS_RW_USER_FUNCTIONS);
  return argument;
}

static void *sign_until_logout(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  CK_BYTE data[32] = {0}, signature[64];
  EVP_PKEY *key = software_key(session, pair.public);
  pthread_barrier_wait(&barrier);
  for (;;) {
    CK_ULONG size = sizeof signature;
    CK_RV rv = sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, data, 32, signature, &size);
    if (rv == CKR_OK) {
      CHECK(ecdsa_verifies(key, data, 32, signature, size));
      if (stop) FAIL("signed after the logout");
      continue;
    }
    ONE_OF(rv, CKR_USER_NOT_LOGGED_IN, CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID,
           CKR_OPERATION_NOT_INITIALIZED);
    break;
  }
  EVP_PKEY_free(key);
  return argument;
}

TEST(one_login,
     "of many logins at once one is made, all sessions have it, and a logout ends it for all (5.6.8, 5.6.10)") {
  OK(p11->C_Initialize(NULL));
  pthread_barrier_init(&barrier, NULL, THREADS);
  in_threads(THREADS, log_in_at_once);
  CHECK(logged_in == 1 && already == THREADS - 1);
  CK_SESSION_HANDLE session = open_session();
  pair = session_p256(session);
  pthread_barrier_destroy(&barrier);
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, sign_until_logout, NULL) == 0);
  pthread_barrier_wait(&barrier);
  nanosleep(&(struct timespec){0, 100000000}, NULL);
  OK(p11->C_Logout(session));
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(session));
}

TEST(login_in_vain, "a login while logged in says so, whatever the PIN, and costs no attempt (5.6.8)") {
  CK_SESSION_HANDLE session = start();
  CK_TOKEN_INFO before, after;
  OK(p11->C_GetTokenInfo(0, &before));
  for (int i = 0; i < 20; i++)
    EXPECT(CKR_USER_ALREADY_LOGGED_IN, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"wrong-pin", 9));
  OK(p11->C_GetTokenInfo(0, &after));
  CHECK(before.flags == after.flags);
  OK(p11->C_Logout(session));
  log_in(session);
}

static CK_SESSION_HANDLE victim;
static int what;

static void allowed_after_close(CK_RV rv) {
  ONE_OF(rv, CKR_OK, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID, CKR_FUNCTION_CANCELED,
         CKR_OPERATION_NOT_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN);
}

static void *call_in_session(void *argument) {
  CK_BYTE data[32] = {0}, signature[512];
  EVP_PKEY *key = argument;
  CK_OBJECT_HANDLE handles[4];
  struct key_pair made;
  CK_ULONG bits = 1024, found;
  CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits)};
  pthread_barrier_wait(&barrier);
  for (CK_RV rv = CKR_OK; rv == CKR_OK;) {
    CK_ULONG size = sizeof signature;
    if (what == 0) {
      rv = sign_raw(victim, MECHANISM(CKM_SHA256_RSA_PKCS), pair.private, data, 32, signature, &size);
      if (rv == CKR_OK) CHECK(pkcs1_verifies(key, EVP_sha256(), data, 32, signature, size));
    } else if (what == 1) {
      rv = p11->C_GenerateKeyPair(victim, MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), public, 1, NULL, 0, &made.public,
                                  &made.private);
    } else {
      rv = p11->C_FindObjectsInit(victim, NULL, 0);
      if (rv == CKR_OK) rv = p11->C_FindObjects(victim, handles, 4, &found);
      if (rv == CKR_OK) rv = p11->C_FindObjectsFinal(victim);
    }
    allowed_after_close(rv);
  }
  return NULL;
}

TEST(closed_under_a_call, "a session that is closed while a call is in it ends the call, not the process (5.1.2)") {
  for (int i = 0; i < 36; i++) {
    CK_SESSION_HANDLE session = start();
    pair = session_rsa(session, 2048);
    EVP_PKEY *key = software_key(session, pair.public);
    pthread_t thread;
    victim = open_session();
    what = i % 3;
    pthread_barrier_init(&barrier, NULL, 2);
    CHECK(pthread_create(&thread, NULL, call_in_session, key) == 0);
    pthread_barrier_wait(&barrier);
    nanosleep(&(struct timespec){0, (i * 7919 % 20) * 1000000L}, NULL);
    int how = i / 3 % 3;
    if (how == 0) OK(p11->C_CloseSession(victim));
    else if (how == 1) OK(p11->C_CloseAllSessions(0));
    else OK(p11->C_Finalize(NULL));
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    EVP_PKEY_free(key);
    if (how != 2) OK(p11->C_Finalize(NULL));
  }
}

TEST(many_sessions, "sessions are counted honestly, refused with CKR_SESSION_COUNT only at the stated maximum, and one "
                    "closed makes room for one (5.6.1)") {
  CK_TOKEN_INFO info;
  OK(p11->C_Initialize(NULL));
  OK(p11->C_GetTokenInfo(0, &info));
  CK_ULONG limit = info.ulMaxSessionCount;
  static CK_SESSION_HANDLE sessions[4096];
  CK_ULONG count = 0, writing = 0;
  CK_RV rv = CKR_OK;
  while (count < COUNT(sessions)) {
    CK_FLAGS flags = CKF_SERIAL_SESSION | (count % 2 == 0 ? CKF_RW_SESSION : 0);
    rv = p11->C_OpenSession(0, flags, NULL, NULL, &sessions[count]);
    if (rv != CKR_OK) break;
    count++;
    writing += flags & CKF_RW_SESSION ? 1 : 0;
    if (count != 7 && count != 200) continue;
    OK(p11->C_GetTokenInfo(0, &info));
    CHECK(info.ulSessionCount == count || info.ulSessionCount == CK_UNAVAILABLE_INFORMATION);
    CHECK(info.ulRwSessionCount == writing || info.ulRwSessionCount == CK_UNAVAILABLE_INFORMATION);
  }
  CHECK(count >= 64);
  if (rv != CKR_OK) {
    CHECK(rv == CKR_SESSION_COUNT);
    CHECK(limit == CK_UNAVAILABLE_INFORMATION || limit == CK_EFFECTIVELY_INFINITE || count >= limit);
    OK(p11->C_CloseSession(sessions[0]));
    OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &sessions[0]));
  } else {
    CHECK(limit == CK_UNAVAILABLE_INFORMATION || limit == CK_EFFECTIVELY_INFINITE || limit >= count);
  }
  for (CK_ULONG i = 0; i < count; i++)
    for (CK_ULONG j = i + 1; j < count && j < i + 5; j++) CHECK(sessions[i] != sessions[j]);
  OK(p11->C_CloseAllSessions(0));
  OK(p11->C_GetTokenInfo(0, &info));
  CHECK(info.ulSessionCount == 0 || info.ulSessionCount == CK_UNAVAILABLE_INFORMATION);
}
