/* zone-signers: keys, handles and templates as DNSSEC signers and their tools use them (PKCS#11 5.7, 5.18.2, 6.1.3; RFC
 * 4034). */

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "field.h"

static CK_BYTE digest[32] = {0x53}, out[512];

TEST(imported_dnskey,
     "a public key from a DNSKEY record is a session object of a session without login, and verifies (5.7.1)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair rsa = session_rsa(session, 2048), ec = session_p256(session);
  CK_BYTE signature[256], ec_signature[64];
  CK_ULONG size = 256, ec_size = 64;
  OK(sign_raw(session, MECHANISM(CKM_SHA256_RSA_PKCS), rsa.private, digest, 32, signature, &size));
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), ec.private, digest, 32, ec_signature, &ec_size));
  struct bytes n = get(session, rsa.public, CKA_MODULUS), e = get(session, rsa.public, CKA_PUBLIC_EXPONENT),
               point = get(session, ec.public, CKA_EC_POINT);
  OK(p11->C_Logout(session));
  CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
  CK_KEY_TYPE rsa_type = CKK_RSA, ec_type = CKK_EC;
  CK_ATTRIBUTE rsa_template[] = {ATTRIBUTE(CKA_CLASS, class),   ATTRIBUTE(CKA_KEY_TYPE, rsa_type),
                                 {CKA_MODULUS, n.at, n.length}, {CKA_PUBLIC_EXPONENT, e.at, e.length},
                                 ATTRIBUTE(CKA_VERIFY, yes),    ATTRIBUTE(CKA_TOKEN, no),
                                 ATTRIBUTE(CKA_PRIVATE, no)};
  CK_ATTRIBUTE ec_template[] = {ATTRIBUTE(CKA_CLASS, class),  ATTRIBUTE(CKA_KEY_TYPE, ec_type),
                                {CKA_EC_PARAMS, EC_P256, 10}, {CKA_EC_POINT, point.at, point.length},
                                ATTRIBUTE(CKA_VERIFY, yes),   ATTRIBUTE(CKA_TOKEN, no)};
  CK_OBJECT_HANDLE rsa_key, ec_key;
  OK(p11->C_CreateObject(session, rsa_template, COUNT(rsa_template), &rsa_key));
  OK(p11->C_CreateObject(session, ec_template, COUNT(ec_template), &ec_key));
  OK(verify_raw(session, MECHANISM(CKM_SHA256_RSA_PKCS), rsa_key, digest, 32, signature, size));
  OK(verify_raw(session, MECHANISM(CKM_ECDSA), ec_key, digest, 32, ec_signature, ec_size));
  signature[100] ^= 4;
  ec_signature[10] ^= 4;
  EXPECT(CKR_SIGNATURE_INVALID,
         verify_raw(session, MECHANISM(CKM_SHA256_RSA_PKCS), rsa_key, digest, 32, signature, size));
  EXPECT(CKR_SIGNATURE_INVALID, verify_raw(session, MECHANISM(CKM_ECDSA), ec_key, digest, 32, ec_signature, ec_size));
}

TEST(objects_without_login,
     "data is a session object of a session without login if it is public, and only then (5.6.7)") {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  CK_OBJECT_CLASS class = CKO_DATA;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), TEXT(CKA_VALUE, "told to all"), ATTRIBUTE(CKA_PRIVATE, no),
                             ATTRIBUTE(CKA_TOKEN, no)};
  CK_OBJECT_HANDLE object;
  OK(p11->C_CreateObject(session, template, 4, &object));
  CHECK(is(get(session, object, CKA_VALUE), "told to all", 11));
  template[2].pValue = &yes;
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_CreateObject(session, template, 4, &object));
  template[2].pValue = &no;
  template[3].pValue = &yes;
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_CreateObject(session, template, 4, &object));
  struct key_pair pair;
  CK_ATTRIBUTE params[] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_PRIVATE, no)};
  EXPECT(CKR_USER_NOT_LOGGED_IN, generate_pair(session, CKM_EC_KEY_PAIR_GEN, params, 2, params + 1, 1, &pair));
}

/* Pairs whose public half goes with its session. */
static void private_only(CK_SESSION_HANDLE session, bool ec, struct key_pair *pair) {
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_VERIFY, yes)};
  CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_SIGN, yes), ATTRIBUTE(CKA_PRIVATE, yes),
                            TEXT(CKA_LABEL, "private-only")};
  if (!ec) public[0] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_MODULUS_BITS, bits);
  OK(generate_pair(session, ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, public, 3, private, 4, pair));
  CHECK(!get_bool(session, pair->public, CKA_TOKEN) && get_bool(session, pair->private, CKA_TOKEN));
}

PART(makes_private_only) {
  CK_SESSION_HANDLE session = start(), other = open_session();
  struct key_pair pairs[2];
  for (int i = 0; i < 2; i++) private_only(session, i == 1, &pairs[i]);
  OK(p11->C_CloseSession(session));
  for (int i = 0; i < 2; i++) {
    CK_ATTRIBUTE label = {CKA_LABEL, NULL, 0};
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_GetAttributeValue(other, pairs[i].public, &label, 1));
    CHECK(is(get(other, pairs[i].private, CKA_LABEL), "private-only", 12));
  }
}

PART(uses_private_only) {
  CK_SESSION_HANDLE session = start();
  CK_ATTRIBUTE label = TEXT(CKA_LABEL, "private-only");
  CK_OBJECT_HANDLE found[4];
  CHECK(find(session, &label, 1, found, 4) == 2);
  for (int i = 0; i < 2; i++) {
    /* All of a DNSKEY record, from the private half. */
    EVP_PKEY *key = software_key(session, found[i]);
    bool ec = get_number(session, found[i], CKA_KEY_TYPE) == CKK_EC;
    CK_ULONG size = sizeof out;
    OK(sign_raw(session, MECHANISM(ec ? CKM_ECDSA_SHA256 : CKM_SHA256_RSA_PKCS), found[i], digest, 32, out, &size));
    if (ec) CHECK(ecdsa_verifies(key, hash(EVP_sha256(), digest, 32).at, 32, out, size));
    else CHECK(pkcs1_verifies(key, EVP_sha256(), digest, 32, out, size));
    OK(p11->C_DestroyObject(session, found[i]));
  }
}

enum { KEYS = 10 };
static struct key_pair pairs[KEYS];
static EVP_PKEY *keys[KEYS];
static CK_OBJECT_HANDLE cached[KEYS];
static _Atomic bool stop;
static _Atomic long made;

static void label_of(int i, char *label) { snprintf(label, 32, "worker %d of %d", i, (int)getpid()); }

/* Whatever a signature with a cached handle says: if there is one, it is by the key that was meant. */
static CK_RV sign_with_cached(CK_SESSION_HANDLE session, int i) {
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature;
  CK_RV rv = sign_raw(session, MECHANISM(CKM_ECDSA), cached[i], digest, 32, signature, &size);
  if (rv == CKR_OK && !ecdsa_verifies(keys[i], digest, 32, signature, size)) FAIL("key %d: signed by another", i);
  if (rv == CKR_OK) made++;
  return rv;
}

static void *use_cached_handles(void *argument) {
  long i = (long)argument;
  CK_SESSION_HANDLE session = 0;
  while (!stop) {
    CK_RV rv = session == 0 ? p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session)
                            : sign_with_cached(session, (int)(i++ % KEYS));
    if (rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_CLOSED) session = 0;
    else
      ONE_OF(rv, CKR_OK, CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN,
             CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_CANCELED);
    if (rv != CKR_OK) nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  return NULL;
}

static void find_again(CK_SESSION_HANDLE session) {
  for (int i = 0; i < KEYS; i++) {
    char label[32];
    label_of(i, label);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), {CKA_LABEL, label, strlen(label)}};
    CK_OBJECT_HANDLE found[2];
    CHECK(find(session, template, 2, found, 2) == 1);
    cached[i] = found[0];
  }
}

TEST(cached_handles,
     "handles kept over closed sessions, a logout or a new C_Initialize never sign with another key (5.4, 5.6)") {
  CK_SESSION_HANDLE session = start();
  for (int i = 0; i < KEYS; i++) {
    char label[32];
    label_of(i, label);
    pairs[i] = generate_p256(session, label);
    keys[i] = software_key(session, pairs[i].public);
    cached[i] = pairs[i].private;
  }
  pthread_t threads[4];
  for (long i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, use_cached_handles, (void *)i) == 0);
  for (int round = 0; round < 30; round++) {
    int how = round % 3;
    if (how == 0) OK(p11->C_CloseAllSessions(0));
    if (how == 1) OK(p11->C_Logout(session));
    if (how == 2) {
      OK(p11->C_Finalize(NULL));
      OK(p11->C_Initialize(NULL));
    }
    if (how != 1) session = open_session();
    CK_RV rv = p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1);
    ONE_OF(rv, CKR_OK, CKR_USER_ALREADY_LOGGED_IN);
    /* Other handles first: numbers shall not come out as before by chance. */
    char label[32];
    label_of(KEYS - 1, label);
    CK_ATTRIBUTE last = {CKA_LABEL, label, strlen(label)};
    CK_OBJECT_HANDLE some[4];
    CHECK(find(session, &last, 1, some, 4) == 2);
    struct key_pair stranger = session_p256(session);
    for (int i = 0; i < KEYS; i++) {
      rv = sign_with_cached(session, i);
      if (rv != CKR_OK) ONE_OF(rv, CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID);
      else CHECK(how == 0 || round == 0);
    }
    OK(p11->C_DestroyObject(session, stranger.private));
    if (round % 3 == 2) find_again(session);
  }
  stop = true;
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK(made > 0);
  for (int i = 0; i < KEYS; i++) {
    char label[32];
    label_of(i, label);
    CK_ATTRIBUTE by_label = {CKA_LABEL, label, strlen(label)};
    CK_OBJECT_HANDLE found[4];
    CHECK(find(session, &by_label, 1, found, 4) == 2);
    for (int half = 0; half < 2; half++) OK(p11->C_DestroyObject(session, found[half]));
  }
}

TEST(rollover, "keys are made, used, dropped and destroyed again and again: nothing piles up, and destroying twice is "
               "told (5.7.3)") {
  CK_SESSION_HANDLE session = start(), janitor = open_session();
  enum { LIVE = 3, ROLLS = 40 };
  struct key_pair live[ROLLS];
  EVP_PKEY *public[ROLLS];
  CK_ATTRIBUTE label = TEXT(CKA_LABEL, "rolled");
  for (int i = 0; i < ROLLS; i++) {
    CK_BYTE id[20];
    CK_ULONG size;
    OK(p11->C_GenerateRandom(session, id, sizeof id));
    CK_ATTRIBUTE public_template[] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_TOKEN, yes), {CKA_ID, id, 20}, label};
    CK_ATTRIBUTE private_template[] = {ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_SIGN, yes), {CKA_ID, id, 20}, label};
    OK(generate_pair(session, CKM_EC_KEY_PAIR_GEN, public_template, 4, private_template, 4, &live[i]));
    CHECK(is(get(session, live[i].private, CKA_ID), id, 20) && is(get(session, live[i].public, CKA_ID), id, 20));
    public[i] = software_key(session, live[i].public);
    for (int k = i < LIVE ? 0 : i - LIVE + 1; k <= i; k++) {
      size = sizeof out;
      OK(sign_raw(session, MECHANISM(CKM_ECDSA), live[k].private, digest, 32, out, &size));
      CHECK(ecdsa_verifies(public[k], digest, 32, out, size));
    }
    if (i < LIVE) continue;
    struct key_pair old = live[i - LIVE];
    OK(p11->C_DestroyObject(i % 2 ? session : janitor, i % 3 ? old.private : old.public));
    OK(p11->C_DestroyObject(session, i % 3 ? old.public : old.private));
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(session, old.private));
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(janitor, old.public));
    EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(janitor, MECHANISM(CKM_ECDSA), old.private));
    for (int k = 0; k < i; k++) CHECK(live[k].private != live[i].private && live[k].public != live[i].public);
  }
  CK_OBJECT_HANDLE found[4 * ROLLS];
  CK_ULONG count = find(janitor, &label, 1, found, COUNT(found));
  CHECK(count == 2 * LIVE);
  for (CK_ULONG i = 0; i < count; i++) OK(p11->C_DestroyObject(janitor, found[i]));
  CHECK(count_of(session, &label, 1) == 0);
}
