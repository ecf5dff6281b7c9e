/* processes: parts that run side by side, are killed, or look at what others did (PKCS#11 5.5.1, 5.6.8, 5.7). */

#include <poll.h>
#include <time.h>

#include "field.h"

static CK_BYTE digest[32] = {0x70}, out[64];

static void say(const char *word) {
  puts(word);
  fflush(stdout);
}

static struct key_pair token_pair(CK_SESSION_HANDLE session, const char *label) {
  CK_ATTRIBUTE public[] = {
      {CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_TOKEN, yes), {CKA_LABEL, (void *)label, strlen(label)}};
  CK_ATTRIBUTE private[] = {
      ATTRIBUTE(CKA_SIGN, yes), ATTRIBUTE(CKA_TOKEN, yes), {CKA_LABEL, (void *)label, strlen(label)}};
  struct key_pair pair;
  CK_RV rv = p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_KEY_PAIR_GEN), public, 3, private, 3, &pair.public,
                                    &pair.private);
  if (rv != CKR_OK) pair.private = 0;
  return pair;
}

static CK_ULONG find_labelled(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, const char *label,
                              CK_OBJECT_HANDLE *found, CK_ULONG room) {
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), {CKA_LABEL, (void *)label, strlen(label)}};
  return find(session, template, 2, found, room);
}

PART(destroys) {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = token_pair(session, arguments[0]);
  CHECK(pair.private != 0);
  OK(p11->C_DestroyObject(session, pair.private));
  OK(p11->C_DestroyObject(session, pair.public));
  say("destroyed");
  pause();
}

PART(counts) {
  CK_OBJECT_HANDLE found[64];
  CK_SESSION_HANDLE session = start();
  CK_ULONG expected = (CK_ULONG)atol(arguments[1]);
  CHECK(find_labelled(session, CKO_PRIVATE_KEY, arguments[0], found, 64) == expected);
  CHECK(find_labelled(session, CKO_PUBLIC_KEY, arguments[0], found, 64) == expected);
}

PART(makes) { CHECK(token_pair(start(), arguments[0]).private != 0); }

PART(removes) {
  CK_SESSION_HANDLE session = start();
  CK_OBJECT_HANDLE found[256];
  CK_ATTRIBUTE label = {CKA_LABEL, arguments[0], strlen(arguments[0])};
  CK_ULONG count = find(session, &label, 1, found, 256);
  for (CK_ULONG i = 0; i < count; i++) OK(p11->C_DestroyObject(session, found[i]));
  CHECK(count_of(session, &label, 1) == 0);
}

PART(signs) {
  CK_OBJECT_HANDLE private[2], public[2];
  CK_ULONG size = 64;
  CK_SESSION_HANDLE session = start();
  CHECK(find_labelled(session, CKO_PRIVATE_KEY, arguments[0], private, 2) == 1);
  CHECK(find_labelled(session, CKO_PUBLIC_KEY, arguments[0], public, 2) == 1);
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), private[0], digest, 32, out, &size));
  CHECK(ecdsa_verifies(software_key(session, public[0]), digest, 32, out, size));
  OK(p11->C_Finalize(NULL));
  exit(0);
}

PART(finds_nothing) {
  CK_OBJECT_HANDLE found[2];
  CHECK(find_labelled(start(), CKO_PRIVATE_KEY, "no such label", found, 2) == 0);
  OK(p11->C_Finalize(NULL));
  exit(0);
}

PART(has_wrong_pin) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"wrong-pin", 9));
  OK(p11->C_Finalize(NULL));
  exit(0);
}

static bool told_to_stop(void) { return poll(&(struct pollfd){0, POLLIN, 0}, 1, 0) > 0; }

PART(changes) {
  CK_SESSION_HANDLE session = start();
  say("changing");
  for (int i = 0; !told_to_stop(); i++) {
    char label[32];
    struct key_pair pair = token_pair(session, "changed");
    CHECK(pair.private != 0);
    snprintf(label, sizeof label, "changed %d", i);
    OK(set(session, pair.private, CKA_LABEL, label, strlen(label)));
    OK(p11->C_DestroyObject(session, pair.private));
    OK(p11->C_DestroyObject(session, pair.public));
  }
}

PART(makes_and_destroys) {
  CK_SESSION_HANDLE session = start();
  struct key_pair older = {0, 0};
  for (int i = 1;; i++) {
    char word[32];
    struct key_pair pair = token_pair(session, arguments[0]);
    CHECK(pair.private != 0);
    OK(set(session, pair.private, CKA_ID, &i, sizeof i));
    snprintf(word, sizeof word, "made %d", i);
    say(word);
    if (older.private != 0) {
      OK(p11->C_DestroyObject(session, older.private));
      OK(p11->C_DestroyObject(session, older.public));
    }
    older = pair;
  }
}

/* Every private key signs, and some public key fits; no half is listed that does not exist. */
PART(checks_all) {
  CK_OBJECT_HANDLE private[128], public[128];
  CK_SESSION_HANDLE session = start();
  CK_ULONG count = find_labelled(session, CKO_PRIVATE_KEY, arguments[0], private, 128),
           publics = find_labelled(session, CKO_PUBLIC_KEY, arguments[0], public, 128);
  CHECK(count >= 1 && publics >= count);
  for (CK_ULONG i = 0; i < count; i++) {
    CK_ULONG size = 64;
    bool fits = false;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), private[i], digest, 32, out, &size));
    for (CK_ULONG j = 0; j < publics && !fits; j++)
      fits = ecdsa_verifies(software_key(session, public[j]), digest, 32, out, size);
    CHECK(fits);
  }
}

PART(makes_until_lost) {
  CK_SESSION_HANDLE session = start();
  for (int i = 1; token_pair(session, arguments[0]).private != 0; i++) {
    char word[32];
    snprintf(word, sizeof word, "made %d", i);
    say(word);
  }
  exit(0);
}

PART(has_at_least) {
  CK_OBJECT_HANDLE private[512], public[512];
  CK_SESSION_HANDLE session = start();
  CK_ULONG count = find_labelled(session, CKO_PRIVATE_KEY, arguments[0], private, 512),
           publics = find_labelled(session, CKO_PUBLIC_KEY, arguments[0], public, 512),
           made = (CK_ULONG)atol(arguments[1]);
  /* The one under way may be there or not, but not by half. */
  if (count < made || count > made + 1 || publics != count)
    FAIL("%lu private and %lu public keys of %lu", count, publics, made);
  for (CK_ULONG i = 0; i < count; i++) {
    CK_ULONG size = 64;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), private[i], digest, 32, out, &size));
    CHECK(ecdsa_verifies(software_key(session, private[i]), digest, 32, out, size));
  }
}

PART(waits_for_token) {
  CK_TOKEN_INFO info;
  OK(p11->C_Initialize(NULL));
  OK(p11->C_GetTokenInfo(0, &info));
  CK_SESSION_HANDLE session = open_session();
  CHECK(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1) != CKR_OK);
  say("waiting");
  while (!told_to_stop()) nanosleep(&(struct timespec){0, 1000000}, NULL);
  CK_ULONG count;
  OK(p11->C_GetSlotList(CK_TRUE, NULL, &count));
  CHECK(count == 1);
  log_in(session);
  CK_ULONG size = 64;
  struct key_pair pair = session_p256(session);
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, out, &size));
}
