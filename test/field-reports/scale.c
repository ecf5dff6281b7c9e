/* scale: threads that sign side by side, and loops that must not leave anything behind. */

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "footprint.h"

static CK_BYTE digest[32] = {0x5c}, out[256];
static struct key_pair pair;
static int rounds;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *sign_rounds(void *argument) {
  CK_SESSION_HANDLE session = open_session();
  CK_BYTE signature[64];
  for (int i = 0; i < rounds; i++) {
    CK_ULONG size = sizeof signature;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, signature, &size));
  }
  OK(p11->C_CloseSession(session));
  return argument;
}

static double rate(int threads, int each) {
  pthread_t running[64];
  rounds = each;
  double from = now();
  for (int i = 0; i < threads; i++) CHECK(pthread_create(&running[i], NULL, sign_rounds, NULL) == 0);
  for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
  return threads * each / (now() - from);
}

TEST(parallel_signing, "more threads sign more, not less, and none of them fails") {
  CK_SESSION_HANDLE session = start();
  pair = session_p256(session);
  rate(1, 100);
  double one = rate(1, 300), eight = rate(8, 150), many = rate(32, 40);
  printf("%.0f, %.0f, %.0f signatures per second with 1, 8, 32 threads\n", one, eight, many);
  CHECK(eight > one && many > one);
}

static void comes_and_goes(CK_SESSION_HANDLE session, int kind) {
  CK_SESSION_HANDLE other;
  CK_ULONG size = sizeof out;
  CK_ATTRIBUTE id = TEXT(CKA_ID, "nobody's"), label = {CKA_LABEL, out, sizeof out};
  struct key_pair made;
  switch (kind) {
    case 0:
      OK(p11->C_CloseSession(open_session()));
      break;
    case 1:
      CHECK(count_of(session, &id, 1) == 0);
      break;
    case 2:
      OK(p11->C_GetAttributeValue(session, pair.private, &label, 1));
      break;
    case 3:
      OK(sign_raw(session, MECHANISM(CKM_ECDSA_SHA256), pair.private, digest, 32, out, &size));
      break;
    case 4:
      other = open_session();
      OK(p11->C_SignInit(other, MECHANISM(CKM_ECDSA_SHA256), pair.private));
      OK(p11->C_SignUpdate(other, digest, 32));
      OK(p11->C_CloseSession(other));
      break;
    case 5:
      made = session_p256(session);
      OK(p11->C_DestroyObject(session, made.private));
      OK(p11->C_DestroyObject(session, made.public));
      break;
    case 6:
      other = open_session();
      session_p256(other);
      OK(p11->C_CloseSession(other));
      break;
    case 7:
      EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(session, MECHANISM(CKM_ECDSA), 0x7fffffff));
      EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_DigestInit(0x7ffffff0, MECHANISM(CKM_SHA256)));
      break;
    case 8:
      other = open_session();
      OK(p11->C_DigestInit(other, MECHANISM(CKM_SHA256)));
      OK(p11->C_DigestUpdate(other, digest, 32));
      OK(p11->C_CloseSession(other));
      break;
    case 9:
      other = open_session();
      OK(p11->C_FindObjectsInit(other, NULL, 0));
      OK(p11->C_CloseSession(other));
      break;
  }
}

TEST(nothing_left_behind, "sessions, searches, operations and keys that come and go leave no memory and no descriptor "
                          "behind, and get no slower") {
  CK_SESSION_HANDLE session = start();
  pair = session_p256(session);
  for (int kind = 0; kind < 10; kind++) {
    int count = kind == 0 || kind == 2 || kind == 4 || kind == 7 || kind == 8 ? 3000 : 150;
    for (int i = 0; i < count; i++) comes_and_goes(session, kind);
    long memory = resident_kib();
    int files = entries("/proc/self/fd");
    double from = now();
    for (int i = 0; i < count; i++) comes_and_goes(session, kind);
    double first = now() - from;
    from = now();
    for (int i = 0; i < count; i++) comes_and_goes(session, kind);
    double second = now() - from;
    if (resident_kib() - memory > 1024) FAIL("kind %d: grew by %ld KiB", kind, resident_kib() - memory);
    CHECK(entries("/proc/self/fd") == files);
    /* Other programs run on this machine too. */
    if (second > 3 * first + 0.5) FAIL("kind %d: %.2f s, then %.2f s", kind, first, second);
  }
}

PART(keeps_busy) {
  CK_SESSION_HANDLE session = start();
  pair = session_p256(session);
  for (int i = 0; i < atoi(arguments[0]); i++) {
    for (int kind = 0; kind < 10; kind++)
      for (int again = 0; again < 100; again++) comes_and_goes(session, kind);
    OK(p11->C_Logout(session));
    log_in(session);
    pair = session_p256(session);
  }
}

/* Every write to the network is one of these. */
static _Atomic int messages;

ssize_t send(int socket, const void *data, size_t length, int flags) {
  messages++;
  return sendto(socket, data, length, flags, NULL, 0);
}

ssize_t write(int file, const void *data, size_t length) {
  if (file > 2) messages++;
  ssize_t (*original)(int, const void *, size_t);
  *(void **)&original = dlsym(RTLD_NEXT, "write");
  return original(file, data, length);
}

PART(counts_exchanges) {
  CK_SESSION_HANDLE session = start();
  pair = session_p256(session);
  CK_MECHANISM_INFO info;
  CK_TOKEN_INFO token;
  OK(p11->C_GetMechanismInfo(0, CKM_ECDSA, &info));
  OK(p11->C_GetTokenInfo(0, &token));
  messages = 0;
  for (int i = 0; i < 50; i++) {
    CK_ULONG size = 0;
    OK(p11->C_SignInit(session, MECHANISM(CKM_ECDSA_SHA256), pair.private));
    OK(p11->C_Sign(session, digest, 32, NULL, &size));
    OK(p11->C_Sign(session, digest, 32, out, &size));
  }
  printf("%d messages for 50 signatures\n", messages);
  messages = 0;
  for (int i = 0; i < 50; i++) {
    CK_ULONG size = 0;
    get(session, pair.public, CKA_EC_POINT);
    OK(p11->C_GetMechanismInfo(0, CKM_ECDSA, &info));
    OK(p11->C_DigestInit(session, MECHANISM(CKM_SHA256)));
    OK(p11->C_Digest(session, digest, 32, NULL, &size));
    OK(p11->C_Digest(session, digest, 32, out, &size));
    OK(p11->C_CloseSession(open_session()));
  }
  printf("%d messages for 50 rounds of what the library knows\n", messages);
}
