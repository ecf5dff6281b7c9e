/* login: what a login, a logout and a PIN mean for handles, operations and buffers (PKCS#11 5.5.9, 5.6.8 to 5.6.10). */

#include "field.h"

static CK_BYTE digest[32] = {9}, out[512];

static void gone(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_ATTRIBUTE label = {CKA_LABEL, NULL, 0};
  ONE_OF(p11->C_GetAttributeValue(session, key, &label, 1), CKR_OBJECT_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN);
  ONE_OF(p11->C_SignInit(session, MECHANISM(CKM_ECDSA), key), CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID,
         CKR_USER_NOT_LOGGED_IN);
}

TEST(handles_after_logout, "a logout ends handles of private objects and private session objects, for good (5.6.10)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair token = generate_p256(session, "logout"), mine = session_p256(session);
  OK(p11->C_Logout(session));
  gone(session, token.private);
  gone(session, mine.private);
  CHECK(is(get(session, token.public, CKA_LABEL), "logout", 6));
  CHECK(is(get(session, mine.public, CKA_LABEL), "p256", 4));
  CK_ULONG size = 64;
  log_in(session);
  gone(session, token.private);
  gone(session, mine.private);
  CHECK(is(get(session, token.public, CKA_LABEL), "logout", 6));
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE by_label[] = {ATTRIBUTE(CKA_CLASS, class), TEXT(CKA_LABEL, "logout")};
  CK_ATTRIBUTE by_mine[] = {ATTRIBUTE(CKA_CLASS, class), TEXT(CKA_LABEL, "p256")};
  CK_OBJECT_HANDLE again;
  CHECK(find(session, by_label, 2, &again, 1 + 1) == 1 && count_of(session, by_mine, 2) == 0);
  CHECK(again != token.private && again != mine.private);
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), again, digest, 32, out, &size));
  CHECK(ecdsa_verifies(software_key(session, token.public), digest, 32, out, size));
  CK_ATTRIBUTE my_public[] = {TEXT(CKA_LABEL, "p256")};
  CHECK(count_of(session, my_public, 1) == 1);
  OK(p11->C_DestroyObject(session, mine.public));
  OK(p11->C_DestroyObject(session, again));
  OK(p11->C_DestroyObject(session, token.public));
}

static void fails_after_logout(CK_RV rv) {
  if (rv != CKR_OPERATION_NOT_INITIALIZED && rv != CKR_USER_NOT_LOGGED_IN && rv != CKR_KEY_HANDLE_INVALID)
    FAIL("0x%lx", rv);
}

TEST(operation_over_logout, "a signature begun before a logout is not made after it, and the next one works (5.6.10)") {
  CK_SESSION_HANDLE session = start(), other = open_session();
  struct key_pair pair = generate_p256(session, "pending");
  for (int variant = 0; variant < 4; variant++) {
    CK_ULONG size = 64;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE by_label[] = {ATTRIBUTE(CKA_CLASS, class), TEXT(CKA_LABEL, "pending")};
    CK_OBJECT_HANDLE key;
    CHECK(find(session, by_label, 2, &key, 2) == 1);
    bool parts = variant % 2 == 1;
    OK(p11->C_SignInit(session, MECHANISM(CKM_ECDSA_SHA256), key));
    if (parts) OK(p11->C_SignUpdate(session, digest, 32));
    OK(p11->C_FindObjectsInit(other, by_label, 1));
    OK(p11->C_Logout(variant < 2 ? session : other));
    fails_after_logout(parts ? p11->C_SignFinal(session, out, &size) : p11->C_Sign(session, digest, 32, out, &size));
    CK_OBJECT_HANDLE handles[16];
    CK_ULONG found = 0;
    OK(p11->C_FindObjects(other, handles, 16, &found));
    CHECK(found == 0);
    OK(p11->C_FindObjectsFinal(other));
    log_in(session);
    CHECK(find(session, by_label, 2, &key, 2) == 1);
    size = 64;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA_SHA256), key, digest, 32, out, &size));
    if (variant == 3) OK(p11->C_DestroyObject(session, key));
  }
  OK(p11->C_DestroyObject(session, pair.public));
}

TEST(decryption_over_logout, "a decryption begun before a logout is not made after it (5.6.10)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_RSA_PKCS_OAEP);
  CK_ULONG bits = 2048, size = sizeof out;
  CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits), ATTRIBUTE(CKA_ENCRYPT, yes)},
               private[] = {ATTRIBUTE(CKA_DECRYPT, yes)};
  struct key_pair pair;
  OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), public, 2, private, 1, &pair.public,
                            &pair.private));
  struct bytes sealed = rsa_encrypt(software_key(session, pair.public), RSA_PKCS1_PADDING, NULL, "secret", 6);
  OK(p11->C_DecryptInit(session, MECHANISM(CKM_RSA_PKCS), pair.private));
  OK(p11->C_Logout(session));
  fails_after_logout(p11->C_Decrypt(session, sealed.at, sealed.length, out, &size));
  log_in(session);
}

TEST(pins_end_where_they_end, "a PIN is pointer and length: nothing behind it is read (5.6.8)") {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  CK_ULONG length = sizeof PIN - 1;
  OK(p11->C_Login(session, CKU_USER, canary_of(PIN, length), length));
  OK(p11->C_Logout(session));
  OK(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN "junk", length));
  OK(p11->C_Logout(session));
  EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN "\0", length + 1));
  EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN "junk", length + 4));
  OK(p11->C_Login(session, CKU_SO, canary_of(SO_PIN, sizeof SO_PIN - 1), sizeof SO_PIN - 1));
  OK(p11->C_Logout(session));
}

static CK_RV set_pin(CK_SESSION_HANDLE session, const char *old, const char *new) {
  CK_ULONG old_length = strlen(old), new_length = strlen(new);
  return p11->C_SetPIN(session, canary_of(old, old_length), old_length, canary_of(new, new_length), new_length);
}

static CK_RV try_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin) {
  CK_ULONG length = strlen(pin);
  return p11->C_Login(session, user, canary_of(pin, length), length);
}

static void needs_pin_functions(CK_SESSION_HANDLE session) {
  CK_RV rv = p11->C_SetPIN(session, (CK_UTF8CHAR *)"nobody's", 8, (CK_UTF8CHAR *)"anything", 8);
  if (rv != CKR_FUNCTION_NOT_SUPPORTED) return;
  puts("C_SetPIN is not supported");
  exit(SKIPPED);
}

TEST(set_pin_without_login, "C_SetPIN needs no login in a read/write session, and changes the user's PIN (5.5.9)") {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session(), reading;
  needs_pin_functions(session);
  OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reading));
  EXPECT(CKR_SESSION_READ_ONLY, set_pin(reading, PIN, "never"));
  EXPECT(CKR_PIN_INCORRECT, set_pin(session, "wrong-pin", "never"));
  CK_TOKEN_INFO info;
  OK(p11->C_GetTokenInfo(0, &info));
  EXPECT(CKR_PIN_LEN_RANGE, set_pin(session, PIN, "123"));
  static char long_pin[8192];
  memset(long_pin, 'x', info.ulMaxPinLen + 1);
  EXPECT(CKR_PIN_LEN_RANGE, set_pin(session, PIN, long_pin));
  OK(set_pin(session, PIN, "second-pin"));
  EXPECT(CKR_PIN_INCORRECT, try_login(session, CKU_USER, PIN));
  OK(try_login(session, CKU_USER, "second-pin"));
  EXPECT(CKR_SESSION_READ_ONLY, set_pin(reading, "second-pin", "never"));
  OK(set_pin(session, "second-pin", "third-pin"));
  OK(p11->C_Logout(session));
  EXPECT(CKR_PIN_INCORRECT, try_login(session, CKU_USER, "second-pin"));
  OK(set_pin(session, "third-pin", PIN));
  log_in(session);
  OK(p11->C_Logout(session));
}

TEST(set_pin_of_the_so,
     "C_SetPIN of the security officer changes his own PIN, and C_InitPIN sets the user's (5.5.8, 5.5.9)") {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  needs_pin_functions(session);
  OK(try_login(session, CKU_SO, SO_PIN));
  EXPECT(CKR_PIN_INCORRECT, set_pin(session, "wrong-pin", "other-so-pin"));
  OK(set_pin(session, SO_PIN, "other-so-pin"));
  OK(p11->C_Logout(session));
  EXPECT(CKR_PIN_INCORRECT, try_login(session, CKU_SO, SO_PIN));
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_InitPIN(session, (CK_UTF8CHAR *)PIN, sizeof PIN - 1));
  OK(try_login(session, CKU_SO, "other-so-pin"));
  OK(p11->C_InitPIN(session, canary_of("by-the-so", 9), 9));
  EXPECT(CKR_PIN_LEN_RANGE, p11->C_InitPIN(session, (CK_UTF8CHAR *)"123", 3));
  OK(set_pin(session, "other-so-pin", SO_PIN));
  OK(p11->C_Logout(session));
  OK(try_login(session, CKU_USER, "by-the-so"));
  OK(set_pin(session, "by-the-so", PIN));
  OK(p11->C_Logout(session));
}

TEST(set_pin_beside_a_login, "a login goes on when its PIN is changed") {
  CK_SESSION_HANDLE session = start();
  needs_pin_functions(session);
  struct key_pair pair = session_p256(session);
  CK_ULONG size = 64;
  OK(set_pin(session, PIN, "changed-pin"));
  ONE_OF(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, out, &size), CKR_OK, CKR_USER_NOT_LOGGED_IN);
  OK(set_pin(session, "changed-pin", PIN));
}

static CK_RV context_login(CK_SESSION_HANDLE session, const char *pin) {
  return try_login(session, CKU_CONTEXT_SPECIFIC, pin);
}

static struct key_pair careful_pair(CK_SESSION_HANDLE session) {
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_VERIFY, yes)};
  CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_SIGN, yes), ATTRIBUTE(CKA_ALWAYS_AUTHENTICATE, yes),
                            ATTRIBUTE(CKA_PRIVATE, yes)};
  struct key_pair pair;
  CK_RV rv = p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_KEY_PAIR_GEN), public, 2, private, 3, &pair.public,
                                    &pair.private);
  if (rv == CKR_ATTRIBUTE_VALUE_INVALID) {
    puts("CKA_ALWAYS_AUTHENTICATE is refused");
    exit(SKIPPED);
  }
  OK(rv);
  return pair;
}

TEST(always_authenticate, "a key with CKA_ALWAYS_AUTHENTICATE wants the PIN for each use (5.6.8)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair careful = careful_pair(session);
  CK_ULONG size = 64;
  CK_MECHANISM *mechanism = MECHANISM(CKM_ECDSA_SHA256);
  EVP_PKEY *key = software_key(session, careful.public);
  struct bytes value = hash(EVP_sha256(), digest, 32);
  /* Without the PIN. */
  OK(p11->C_SignInit(session, mechanism, careful.private));
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_Sign(session, digest, 32, out, &size));
  /* With it: once. */
  OK(p11->C_SignInit(session, mechanism, careful.private));
  OK(context_login(session, PIN));
  OK(p11->C_Sign(session, digest, 32, out, &size));
  CHECK(ecdsa_verifies(key, value.at, 32, out, size));
  OK(p11->C_SignInit(session, mechanism, careful.private));
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_Sign(session, digest, 32, out, &size));
  /* A length query does not use it up; a wrong PIN does not spoil it. */
  OK(p11->C_SignInit(session, mechanism, careful.private));
  EXPECT(CKR_PIN_INCORRECT, context_login(session, "wrong-pin"));
  OK(context_login(session, PIN));
  OK(p11->C_Sign(session, digest, 32, NULL, &size));
  OK(p11->C_Sign(session, digest, 32, out, &size));
  /* In parts. */
  OK(p11->C_SignInit(session, mechanism, careful.private));
  OK(context_login(session, PIN));
  OK(p11->C_SignUpdate(session, digest, 16));
  OK(p11->C_SignUpdate(session, digest + 16, 16));
  OK(p11->C_SignFinal(session, out, &size));
  CHECK(ecdsa_verifies(key, value.at, 32, out, size));
  CHECK(get_bool(session, careful.private, CKA_ALWAYS_AUTHENTICATE));
}

TEST(context_login_elsewhere, "a context login is for such keys only, and leaves another operation as it was (5.6.8)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair normal = session_p256(session);
  CK_ULONG size = 64;
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, context_login(session, PIN));
  OK(p11->C_SignInit(session, MECHANISM(CKM_ECDSA), normal.private));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, context_login(session, PIN));
  OK(p11->C_Sign(session, digest, 32, out, &size));
  CHECK(!get_bool(session, normal.private, CKA_ALWAYS_AUTHENTICATE));
  struct bytes value;
  EXPECT(CKR_ATTRIBUTE_TYPE_INVALID, read_attribute(session, normal.public, CKA_ALWAYS_AUTHENTICATE, &value));
}

TEST(always_authenticate_is_private,
     "CKA_ALWAYS_AUTHENTICATE without CKA_PRIVATE is refused (private key attributes)") {
  CK_SESSION_HANDLE session = start();
  careful_pair(session);
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}};
  CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_SIGN, yes), ATTRIBUTE(CKA_ALWAYS_AUTHENTICATE, yes),
                            ATTRIBUTE(CKA_PRIVATE, no)};
  struct key_pair pair;
  EXPECT(CKR_TEMPLATE_INCONSISTENT, p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_KEY_PAIR_GEN), public, 1, private,
                                                           3, &pair.public, &pair.private));
}
