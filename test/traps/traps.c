/* traps: what programs of others do with a module, each as they do it. */

#include <dirent.h>
#include <sys/wait.h>

#include "field.h"

static CK_BYTE digest[32] = {0x7a}, out[512];

TEST(edwards_generation, "CKM_EDDSA generates Ed25519 keys too: GnuTLS and Knot DNS ask for it") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = generate(session, CKM_EDDSA, EC_ED25519, 0, "ed", CK_FALSE);
  CK_ULONG size = 64;
  OK(sign_raw(session, MECHANISM(CKM_EDDSA), pair.private, "zone", 4, out, &size));
  CHECK(eddsa_verifies(software_key(session, pair.public), "zone", 4, out, size));
}

TEST(edwards_encodings, "Edwards curves by name and by OID are read back as they were given, and points are DER") {
  CK_SESSION_HANDLE session = start();
  static const struct {
    const char *params;
    CK_ULONG size, point;
  } encodings[] = {{"\x13\x0c"
                    "edwards25519",
                    14, 34},
                   {"\x06\x03\x2b\x65\x70", 5, 34},
                   {"\x13\x0a"
                    "edwards448",
                    12, 59},
                   {"\x06\x03\x2b\x65\x71", 5, 59}};
  for (size_t i = 0; i < COUNT(encodings); i++) {
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, (void *)encodings[i].params, encodings[i].size}},
                 private[] = {ATTRIBUTE(CKA_SIGN, yes)};
    struct key_pair pair;
    OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_EDWARDS_KEY_PAIR_GEN), public, 1, private, 1, &pair.public,
                              &pair.private));
    CHECK(is(get(session, pair.public, CKA_EC_PARAMS), encodings[i].params, encodings[i].size));
    CHECK(is(get(session, pair.private, CKA_EC_PARAMS), encodings[i].params, encodings[i].size));
    struct bytes point = get(session, pair.public, CKA_EC_POINT);
    CHECK(point.length == encodings[i].point && point.at[0] == 4 && point.at[1] == encodings[i].point - 2);
    CK_ULONG size = sizeof out;
    OK(sign_raw(session, MECHANISM(CKM_EDDSA), pair.private, "zone", 4, out, &size));
    CHECK(eddsa_verifies(software_key(session, pair.public), "zone", 4, out, size));
  }
}

TEST(public_keys, "public keys are seen without login, and a private EC key tells its point without a public one") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = generate_p256(session, "seen");
  OK(p11->C_Logout(session));
  CK_ATTRIBUTE label = TEXT(CKA_LABEL, "seen");
  CK_OBJECT_HANDLE found[4];
  CHECK(find(session, &label, 1, found, 4) == 1 && get_number(session, found[0], CKA_CLASS) == CKO_PUBLIC_KEY);
  struct bytes point = get(session, found[0], CKA_EC_POINT);
  log_in(session);
  OK(p11->C_DestroyObject(session, pair.public));
  CHECK(find(session, &label, 1, found, 4) == 1);
  CHECK(is(get(session, found[0], CKA_EC_POINT), point.at, point.length));
  OK(p11->C_DestroyObject(session, found[0]));
}

TEST(pin_files, "a PIN from a file that ends in a line feed is another PIN") {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN "\n", sizeof PIN));
  log_in(session);
}

TEST(garbage_parameters, "what stands in the parameter of a mechanism without one is never looked at") {
  CK_SESSION_HANDLE session = start();
  void *wild = (void *)0xdead0001;
  struct key_pair rsa = session_rsa(session, 2048), ec = session_p256(session), made;
  CK_MECHANISM digests[] = {{CKM_SHA_1, wild, 0x80000000}, {CKM_SHA256, wild, 1}, {CKM_SHA512, NULL, 77}};
  for (size_t i = 0; i < COUNT(digests); i++) {
    CK_ULONG size = sizeof out;
    OK(p11->C_DigestInit(session, &digests[i]));
    OK(p11->C_Digest(session, digest, 32, out, &size));
  }
  CK_MECHANISM signatures[] = {{CKM_SHA256_RSA_PKCS, wild, 0x80000000},
                               {CKM_RSA_PKCS, wild, 3},
                               {CKM_ECDSA, wild, 8},
                               {CKM_ECDSA_SHA256, NULL, 5}};
  for (size_t i = 0; i < COUNT(signatures); i++) {
    CK_ULONG size = sizeof out;
    struct key_pair pair = i < 2 ? rsa : ec;
    OK(sign_raw(session, &signatures[i], pair.private, digest, 32, out, &size));
    OK(verify_raw(session, &signatures[i], pair.public, digest, 32, out, size));
  }
  CK_MECHANISM generation = {CKM_EC_KEY_PAIR_GEN, wild, 0x80000000};
  CK_ATTRIBUTE params[] = {{CKA_EC_PARAMS, EC_P256, 10}};
  OK(p11->C_GenerateKeyPair(session, &generation, params, 1, NULL, 0, &made.public, &made.private));
}

TEST(refused_creations, "a creation that is refused leaves nothing behind") {
  CK_SESSION_HANDLE session = start();
  CK_ULONG before = count_of(session, NULL, 0);
  CK_OBJECT_CLASS vendor = 0xce534351, public_class = CKO_PUBLIC_KEY;
  CK_KEY_TYPE rsa = CKK_RSA;
  struct key_pair made;
  CK_OBJECT_HANDLE object;
  CK_ATTRIBUTE trust[] = {ATTRIBUTE(CKA_CLASS, vendor), ATTRIBUTE(CKA_TOKEN, yes), TEXT(CKA_LABEL, "trust")};
  REFUSED(p11->C_CreateObject(session, trust, 3, &object));
  CK_ATTRIBUTE broken[] = {ATTRIBUTE(CKA_CLASS, public_class), ATTRIBUTE(CKA_KEY_TYPE, rsa), ATTRIBUTE(CKA_TOKEN, yes),
                           TEXT(CKA_MODULUS, "\1"), TEXT(CKA_PUBLIC_EXPONENT, "\3")};
  REFUSED(p11->C_CreateObject(session, broken, 5, &object));
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_TOKEN, yes)},
               private[] = {ATTRIBUTE(CKA_TOKEN, yes), TEXT(CKA_SIGN, "\7")};
  REFUSED(p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_KEY_PAIR_GEN), public, 2, private, 2, &made.public,
                                 &made.private));
  CK_ATTRIBUTE half[] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_TOKEN, yes), TEXT(CKA_VERIFY, "\7")};
  REFUSED(p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_KEY_PAIR_GEN), half, 3, private, 1, &made.public,
                                 &made.private));
  CHECK(count_of(session, NULL, 0) == before);
  OK(p11->C_Finalize(NULL));
  CHECK(count_of(start(), NULL, 0) == before);
}

TEST(vendor_classes,
     "searches for classes of other vendors and for profiles are answered, not refused: NSS asks at every start") {
  CK_SESSION_HANDLE session = start();
  for (CK_OBJECT_CLASS class = 0xce534351; class <= 0xce534354; class++) {
    CK_ATTRIBUTE by_class = ATTRIBUTE(CKA_CLASS, class);
    CHECK(count_of(session, &by_class, 1) == 0);
  }
  CK_OBJECT_CLASS profile = CKO_PROFILE;
  CK_ATTRIBUTE by_profile = ATTRIBUTE(CKA_CLASS, profile);
  count_of(session, &by_profile, 1);
  CK_BYTE value = 1;
  CK_ATTRIBUTE unknown = {0xce534999, &value, 1};
  CHECK(count_of(session, &unknown, 1) == 0);
}

static int threads(void) {
  DIR *folder = opendir("/proc/self/task");
  int count = -2;
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

TEST(no_threads, "the library needs no thread of its own, and takes the arguments of every kind of host") {
  CK_C_INITIALIZE_ARGS arguments[] = {
      {.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS}, {.flags = CKF_OS_LOCKING_OK}, {.flags = 0}};
  for (size_t i = 0; i < COUNT(arguments); i++) {
    OK(p11->C_Initialize(&arguments[i]));
    CK_SESSION_HANDLE session = open_session();
    log_in(session);
    session_p256(session);
    CHECK(threads() == 1);
    OK(p11->C_Finalize(NULL));
    CHECK(threads() == 1);
  }
}

/* What children do: nothing, C_Finalize and C_Initialize, C_Initialize, or they just go on. */
static int child(int kind, CK_SESSION_HANDLE session, struct key_pair pair) {
  CK_ULONG size = 64;
  if (kind == 1 && p11->C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED) return 1;
  if (kind == 1 || kind == 2) {
    if (p11->C_Initialize(NULL) != CKR_OK) return 2;
    CK_SESSION_HANDLE own;
    if (p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &own) != CKR_OK) return 3;
    if (p11->C_Login(own, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1) != CKR_OK) return 4;
  }
  if (kind == 3 && p11->C_SignInit(session, MECHANISM(CKM_ECDSA), pair.private) != CKR_CRYPTOKI_NOT_INITIALIZED)
    return 5;
  if (kind == 3 && p11->C_Sign(session, digest, 32, out, &size) != CKR_CRYPTOKI_NOT_INITIALIZED) return 6;
  if (kind == 3 && p11->C_CloseAllSessions(0) != CKR_CRYPTOKI_NOT_INITIALIZED) return 7;
  return 0;
}

TEST(children, "whatever a forked child does with the module, its parent goes on") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_p256(session);
  EVP_PKEY *key = software_key(session, pair.public);
  for (int kind = 0; kind < 4; kind++) {
    for (int exits = 0; exits < 2; exits++) {
      int status;
      pid_t pid = fork();
      CHECK(pid >= 0);
      /* exit() runs the handlers that the child inherited. */
      if (pid == 0 && exits == 0) _exit(child(kind, session, pair));
      if (pid == 0) exit(child(kind, session, pair));
      CHECK(waitpid(pid, &status, 0) == pid);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL("kind %d: child ended with 0x%x", kind, (unsigned)status);
      CK_ULONG size = 64;
      OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, out, &size));
      CHECK(ecdsa_verifies(key, digest, 32, out, size));
    }
  }
}

TEST(init_token,
     "C_InitToken with the token's label and the right PIN succeeds and keeps the keys; with a wrong PIN it says so") {
  CK_SESSION_HANDLE session = start();
  generate_p256(session, "kept");
  CK_UTF8CHAR label[32] = "Cryptech Token                 ";
  label[31] = ' ';
  EXPECT(CKR_SESSION_EXISTS, p11->C_InitToken(0, (CK_UTF8CHAR *)SO_PIN, sizeof SO_PIN - 1, label));
  OK(p11->C_CloseAllSessions(0));
  EXPECT(CKR_PIN_INCORRECT, p11->C_InitToken(0, (CK_UTF8CHAR *)"wrong-pin", 9, label));
  OK(p11->C_InitToken(0, (CK_UTF8CHAR *)SO_PIN, sizeof SO_PIN - 1, label));
  CK_TOKEN_INFO info;
  OK(p11->C_GetTokenInfo(0, &info));
  CHECK(memcmp(info.label, label, 32) == 0);
  session = open_session();
  log_in(session);
  CK_ATTRIBUTE by_label = TEXT(CKA_LABEL, "kept");
  CK_OBJECT_HANDLE found[4];
  CHECK(find(session, &by_label, 1, found, 4) == 2);
  for (int i = 0; i < 2; i++) OK(p11->C_DestroyObject(session, found[i]));
}

TEST(attribute_order, "a search does not care for the order of its attributes") {
  CK_SESSION_HANDLE session = start();
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_KEY_TYPE type = CKK_EC;
  session_p256(session);
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_KEY_TYPE, type), TEXT(CKA_LABEL, "p256"),
                             ATTRIBUTE(CKA_TOKEN, no), ATTRIBUTE(CKA_SIGN, yes)};
  for (int turn = 0; turn < 20; turn++) {
    CK_ATTRIBUTE first = template[0];
    memmove(template, template + 1, 4 * sizeof first);
    template[4] = template[turn * 3 % 4];
    template[turn * 3 % 4] = first;
    CHECK(count_of(session, template, 5) == 1);
  }
}

PART(works_by_itself) {
  CK_SESSION_HANDLE session = start();
  OK(sign_and_verify(session, session_p256(session), CKM_ECDSA_SHA256, "zone", 4));
  OK(sign_and_verify(session, session_rsa(session, 2048), CKM_SHA256_RSA_PKCS, "zone", 4));
  OK(p11->C_Finalize(NULL));
  exit(0);
}

PART(logs_in_with_nothing) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  for (int i = 0; i < 10; i++) {
    EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, NULL, 0));
    EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"", 0));
  }
  OK(p11->C_Finalize(NULL));
  exit(0);
}

PART(is_not_locked) {
  CK_TOKEN_INFO info;
  OK(p11->C_Initialize(NULL));
  OK(p11->C_GetTokenInfo(0, &info));
  CHECK((info.flags & CKF_TOKEN_USER_PIN_COUNT_LOW) == 0);
  log_in(open_session());
}
