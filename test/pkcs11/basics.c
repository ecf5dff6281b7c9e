/* basics MODULE: slots, sessions, logins, objects, every kind of signature and digest, buffer rules, interfaces. */

#include <stdbool.h>
#include <time.h>

#include "module.h"

static void check_lists(void *handle) {
  CK_RV (*get_interface)(CK_UTF8CHAR *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS);
  CK_RV (*get_list)(CK_INTERFACE *, CK_ULONG *);
  *(void **)&get_interface = dlsym(handle, "C_GetInterface");
  *(void **)&get_list = dlsym(handle, "C_GetInterfaceList");
  CK_INTERFACE *interface, list[4];
  CK_ULONG count = 0;
  EXPECT(CKR_ARGUMENTS_BAD, get_list(NULL, NULL));
  OK(get_list(NULL, &count));
  CHECK(count == 3);
  count = 2;
  EXPECT(CKR_BUFFER_TOO_SMALL, get_list(list, &count));
  CHECK(count == 3);
  OK(get_list(list, &count));

  /* Every pointer of all three lists leads to the function of its name. */
  static const struct {
    CK_VERSION version;
    size_t functions;
  } lists[] = {{{3, 2}, 104}, {{3, 0}, 92}, {{2, 40}, 68}};
  static const char *names[] = {
#define NAME(name, parameters) #name,
      CK_FUNCTIONS_2_40(NAME) CK_FUNCTIONS_3_0(NAME) CK_FUNCTIONS_3_2(NAME)};
  for (size_t i = 0; i < 3; i++) {
    CK_VERSION version = lists[i].version;
    CHECK(list[i].flags == 0 && strcmp(list[i].pInterfaceName, "PKCS 11") == 0);
    OK(get_interface((CK_UTF8CHAR *)"PKCS 11", &version, &interface, 0));
    CHECK(interface->pFunctionList == list[i].pFunctionList);
    CHECK(memcmp(interface->pFunctionList, &version, sizeof version) == 0);
    void **pointers = (void **)interface->pFunctionList + 1;
    for (size_t f = 0; f < lists[i].functions; f++) {
      /* C_GetInfo of each list tells the version of the list. */
      bool own = strcmp(names[f], "C_GetInfo") == 0 && version.major == 3;
      CHECK(pointers[f] != NULL);
      if (!own && pointers[f] != dlsym(handle, names[f])) FAIL("%s is not where it belongs", names[f]);
    }
  }
  OK(get_interface(NULL, NULL, &interface, 0));
  CHECK(interface->pFunctionList == list[0].pFunctionList);
  CHECK(p11 == list[2].pFunctionList);
  CK_VERSION unknown = {3, 9};
  EXPECT(CKR_ARGUMENTS_BAD, get_interface(NULL, &unknown, &interface, 0));
  EXPECT(CKR_ARGUMENTS_BAD, get_interface((CK_UTF8CHAR *)"Vendor", NULL, &interface, 0));
  EXPECT(CKR_ARGUMENTS_BAD, get_interface(NULL, NULL, &interface, 1));
}

static CK_RV mutex(void *argument) {
  (void)argument;
  return CKR_OK;
}
static CK_RV create_mutex(void **argument) { return mutex(argument); }

static void check_initialize(void) {
  CK_C_INITIALIZE_ARGS arguments = {create_mutex, mutex, mutex, mutex, 0, NULL};
  CK_INFO info;
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_GetInfo(&info));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_EncryptInit(1, NULL, 1));
  EXPECT(CKR_CANT_LOCK, p11->C_Initialize(&arguments));
  arguments.LockMutex = NULL;
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_Initialize(&arguments));
  arguments = (CK_C_INITIALIZE_ARGS){.pReserved = &arguments};
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_Initialize(&arguments));
  arguments = (CK_C_INITIALIZE_ARGS){create_mutex, mutex, mutex, mutex, CKF_OS_LOCKING_OK, NULL};
  OK(p11->C_Initialize(&arguments));
  EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(NULL));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_Finalize(&arguments));
  OK(p11->C_Finalize(NULL));
  arguments = (CK_C_INITIALIZE_ARGS){.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS};
  OK(p11->C_Initialize(&arguments));
}

static void check_slot(void) {
  CK_ULONG count = 77;
  CK_SLOT_ID ids[2];
  CK_SLOT_INFO slot;
  CK_TOKEN_INFO token;
  CK_MECHANISM_TYPE types[64];
  CK_MECHANISM_INFO info;
  OK(p11->C_GetSlotList(CK_TRUE, NULL, &count));
  CHECK(count == 1);
  count = 0;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetSlotList(CK_TRUE, ids, &count));
  CHECK(count == 1);
  count = 2;
  OK(p11->C_GetSlotList(CK_FALSE, ids, &count));
  CHECK(count == 1 && ids[0] == 0);
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GetSlotList(CK_FALSE, ids, NULL));
  EXPECT(CKR_SLOT_ID_INVALID, p11->C_GetSlotInfo(1, &slot));
  OK(p11->C_GetSlotInfo(0, &slot));
  CHECK(slot.flags == (CKF_TOKEN_PRESENT | CKF_HW_SLOT));
  CHECK(memcmp(slot.slotDescription, "Diamond-HSM-slot  ", 18) == 0);
  OK(p11->C_GetTokenInfo(0, &token));
  CHECK(memcmp(token.label, "Cryptech Token                  ", 32) == 0);
  CHECK(token.ulMinPinLen == 4 && token.ulMaxPinLen == 4096);
  OK(p11->C_GetMechanismList(0, NULL, &count));
  CHECK(count == 13);
  count = 12;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetMechanismList(0, types, &count));
  CHECK(count == 13);
  OK(p11->C_GetMechanismList(0, types, &count));
  for (CK_ULONG i = 0; i < count; i++) OK(p11->C_GetMechanismInfo(0, types[i], &info));
  /* Listed by the appliance, but not ours. */
  EXPECT(CKR_MECHANISM_INVALID, p11->C_GetMechanismInfo(0, 0x80001234, &info));
  EXPECT(CKR_NO_EVENT, p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, ids, NULL));
}

static void check_login(void) {
  CK_SESSION_HANDLE session, other, reading;
  CK_SESSION_INFO info;
  CK_UTF8CHAR *pin = (CK_UTF8CHAR *)PIN;
  CK_ULONG length = sizeof PIN - 1;
  EXPECT(CKR_SESSION_PARALLEL_NOT_SUPPORTED, p11->C_OpenSession(0, CKF_RW_SESSION, NULL, NULL, &session));
  EXPECT(CKR_SLOT_ID_INVALID, p11->C_OpenSession(5, CKF_SERIAL_SESSION, NULL, NULL, &session));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, NULL));
  session = open_session();
  OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reading));
  CHECK(reading != session && session != 0);
  OK(p11->C_GetSessionInfo(reading, &info));
  CHECK(info.state == CKS_RO_PUBLIC_SESSION && info.flags == CKF_SERIAL_SESSION);
  EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_GetSessionInfo(4711, &info));
  EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_GetSessionInfo(0, &info));

  EXPECT(CKR_USER_TYPE_INVALID, p11->C_Login(session, 9, pin, length));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, length));
  EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, NULL, 0));
  EXPECT(CKR_PIN_LEN_RANGE, p11->C_Login(session, CKU_USER, pin, 3));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_Login(session, CKU_USER, NULL, 4));
  EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"wrong", 5));
  /* A NUL behind the PIN is part of it. */
  EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_USER, pin, length + 1));
  EXPECT(CKR_SESSION_READ_ONLY_EXISTS, p11->C_Login(session, CKU_SO, (CK_UTF8CHAR *)"so-4711", 7));
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(session));
  OK(p11->C_Login(session, CKU_USER, pin, length));
  EXPECT(CKR_USER_ALREADY_LOGGED_IN, p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"wrong", 5));
  OK(p11->C_CloseSession(reading));
  EXPECT(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, p11->C_Login(session, CKU_SO, (CK_UTF8CHAR *)"so-4711", 7));
  /* The login is the application's. */
  other = open_session();
  OK(p11->C_GetSessionInfo(other, &info));
  CHECK(info.state == CKS_RW_USER_FUNCTIONS && info.flags == (CKF_SERIAL_SESSION | CKF_RW_SESSION));
  OK(p11->C_Logout(other));
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(other));
  OK(p11->C_Login(session, CKU_SO, (CK_UTF8CHAR *)"so-4711", 7));
  EXPECT(CKR_SESSION_READ_WRITE_SO_EXISTS, p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reading));
  OK(p11->C_GetSessionInfo(other, &info));
  CHECK(info.state == CKS_RW_SO_FUNCTIONS);
  /* What only the user may do is refused at once, not after a search for a lost login. */
  CK_MECHANISM generation = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE modulus_bits[] = {{CKA_MODULUS_BITS, &bits, sizeof(bits)}};
  CK_OBJECT_HANDLE public_key, private_key;
  time_t start = time(NULL);
  EXPECT(CKR_USER_NOT_LOGGED_IN,
         p11->C_GenerateKeyPair(session, &generation, modulus_bits, 1, NULL, 0, &public_key, &private_key));
  CHECK(time(NULL) - start < 10);
  /* The last session takes the login with it. */
  OK(p11->C_CloseAllSessions(0));
  EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_CloseSession(session));
  session = open_session();
  OK(p11->C_GetSessionInfo(session, &info));
  CHECK(info.state == CKS_RW_PUBLIC_SESSION);
  OK(p11->C_CloseSession(session));
}

static void check_attributes(CK_SESSION_HANDLE session, struct key_pair rsa) {
  CK_BYTE modulus[256], small[4], label[8];
  CK_OBJECT_CLASS class;
  CK_ATTRIBUTE asked[] = {
      {CKA_CLASS, &class, sizeof class}, {CKA_PRIVATE_EXPONENT, label, sizeof label}, {CKA_MODULUS, NULL, 0},
      {CKA_START_DATE, label, sizeof label}, {CKA_LABEL, label, sizeof label}, {CKA_MODULUS, small, sizeof small},
      {CKA_ID, label, 0}};
  CK_RV rv = p11->C_GetAttributeValue(session, rsa.private, asked, 7);
  CHECK(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_BUFFER_TOO_SMALL);
  CHECK(asked[0].ulValueLen == sizeof class && class == CKO_PRIVATE_KEY);
  CHECK(asked[1].ulValueLen == CK_UNAVAILABLE_INFORMATION);
  CHECK(asked[2].ulValueLen == 256);
  CHECK(asked[3].ulValueLen == CK_UNAVAILABLE_INFORMATION);
  CHECK(asked[4].ulValueLen == 3 && memcmp(label, "rsa", 3) == 0);
  CHECK(asked[5].ulValueLen == CK_UNAVAILABLE_INFORMATION);
  CHECK(asked[6].ulValueLen == 0);
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(session, rsa.private, &asked[1], 1));
  EXPECT(CKR_ATTRIBUTE_TYPE_INVALID, p11->C_GetAttributeValue(session, rsa.private, &asked[3], 1));
  asked[5].ulValueLen = sizeof small;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetAttributeValue(session, rsa.private, &asked[5], 1));
  CK_ATTRIBUTE whole = {CKA_MODULUS, modulus, sizeof modulus};
  OK(p11->C_GetAttributeValue(session, rsa.private, &whole, 1));
  EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_GetAttributeValue(session, 999, &whole, 1));

  CK_ATTRIBUTE renamed = {CKA_LABEL, "new", 3}, read_back = {CKA_LABEL, label, sizeof label};
  OK(p11->C_SetAttributeValue(session, rsa.public, &renamed, 1));
  OK(p11->C_GetAttributeValue(session, rsa.public, &read_back, 1));
  CHECK(read_back.ulValueLen == 3 && memcmp(label, "new", 3) == 0);
}

static void check_buffers(CK_SESSION_HANDLE session, struct key_pair rsa) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0}, raw = {CKM_RSA_PKCS, NULL, 0};
  CK_BYTE data[300] = {1}, signature[256], parts[256];
  CK_ULONG size = 0;
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(session, data, 3, signature, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(session, signature, &size));
  EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(session, &mechanism, 999));
  EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11->C_SignInit(session, &mechanism, rsa.public));
  OK(p11->C_SignInit(session, &mechanism, rsa.private));
  EXPECT(CKR_OPERATION_ACTIVE, p11->C_SignInit(session, &mechanism, rsa.private));
  OK(p11->C_Sign(session, data, 300, NULL, &size));
  CHECK(size == 256);
  size = 1;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Sign(session, data, 300, signature, &size));
  CHECK(size == 256);
  OK(p11->C_Sign(session, data, 300, signature, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(session, data, 300, signature, &size));
  /* The same in parts gives the same: PKCS#1 v1.5 is deterministic. */
  OK(p11->C_SignInit(session, &mechanism, rsa.private));
  OK(p11->C_SignUpdate(session, data, 100));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(session, data, 300, signature, &size));
  OK(p11->C_SignUpdate(session, data + 100, 200));
  size = sizeof parts;
  OK(p11->C_SignFinal(session, parts, &size));
  CHECK(size == 256 && memcmp(parts, signature, 256) == 0);
  OK(p11->C_VerifyInit(session, &mechanism, rsa.public));
  OK(p11->C_VerifyUpdate(session, data, 1));
  OK(p11->C_VerifyUpdate(session, data + 1, 299));
  OK(p11->C_VerifyFinal(session, signature, 256));
  OK(p11->C_VerifyInit(session, &mechanism, rsa.public));
  EXPECT(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(session, data, 300, signature, 255));
  /* A failure ends the operation. */
  OK(p11->C_SignInit(session, &raw, rsa.private));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_Sign(session, data, 246, signature, &size));
  OK(p11->C_SignInit(session, &raw, rsa.private));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_Sign(session, NULL, 16, signature, &size));
  OK(p11->C_SignInit(session, &raw, rsa.private));
  OK(p11->C_SignInit(session, NULL, 0));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_SignInit(session, NULL, 0));
  /* An operation ends with the login it was begun in. */
  OK(p11->C_SignInit(session, &raw, rsa.private));
  OK(p11->C_Logout(session));
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_Sign(session, data, 16, signature, &size));
  EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(session, &raw, rsa.private));
  log_in(session);
  OK(p11->C_VerifyInit(session, &raw, rsa.public));
  EXPECT(CKR_SIGNATURE_INVALID, p11->C_Verify(session, data, 16, signature, 256));
}

static void check_signatures(CK_SESSION_HANDLE session) {
  static const CK_MECHANISM_TYPE rsa[] = {CKM_RSA_PKCS,        CKM_MD5_RSA_PKCS,    CKM_SHA1_RSA_PKCS,  CKM_SHA224_RSA_PKCS,
                                          CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS};
  static const CK_MECHANISM_TYPE ecdsa[] = {CKM_ECDSA,        CKM_ECDSA_SHA1,   CKM_ECDSA_SHA224,
                                            CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512};
  static const char *curves[] = {EC_P256, EC_P384, EC_P521};
  char data[150];
  /* Bytes that SLIP escapes. */
  for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i % 2 == 0 ? 0xc0 : 0xdb);
  struct key_pair pair = generate(session, CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 2048, "rsa", CK_TRUE);
  for (size_t i = 0; i < sizeof rsa / sizeof rsa[0]; i++) OK(sign_and_verify(session, pair, rsa[i], data, sizeof data));
  check_attributes(session, pair);
  check_buffers(session, pair);
  for (size_t c = 0; c < 3; c++) {
    pair = generate(session, CKM_EC_KEY_PAIR_GEN, curves[c], 0, "ec", CK_FALSE);
    for (size_t i = 0; i < sizeof ecdsa / sizeof ecdsa[0]; i++) OK(sign_and_verify(session, pair, ecdsa[i], data, 64));
    EXPECT(CKR_KEY_TYPE_INCONSISTENT, sign_and_verify(session, pair, CKM_ECDSA, data, 64) == CKR_OK
                                          ? p11->C_SignInit(session, &(CK_MECHANISM){CKM_EDDSA, NULL, 0}, pair.private)
                                          : 0);
  }
  /* GnuTLS generates Edwards keys with the signing mechanism. */
  pair = generate(session, CKM_EDDSA, EC_ED25519, 0, "ed", CK_TRUE);
  OK(sign_and_verify(session, pair, CKM_EDDSA, data, sizeof data));
  CK_EDDSA_PARAMS params = {0};
  CK_MECHANISM mechanism = {CKM_EDDSA, &params, sizeof params};
  OK(p11->C_SignInit(session, &mechanism, pair.private));
  OK(p11->C_SignInit(session, NULL, 0));
  params.phFlag = 2;
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &mechanism, pair.private));
  params = (CK_EDDSA_PARAMS){CK_FALSE, 256, (CK_BYTE *)data};
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &mechanism, pair.private));
  mechanism.ulParameterLen--;
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &mechanism, pair.private));
  /* Garbage where a mechanism has no parameter is not looked at. */
  mechanism = (CK_MECHANISM){CKM_SHA256, (void *)1, 0x80000000};
  OK(p11->C_DigestInit(session, &mechanism));
  CK_BYTE digest[32];
  CK_ULONG size = 0;
  OK(p11->C_Digest(session, (CK_BYTE *)"abc", 3, NULL, &size));
  CHECK(size == 32);
  size = 31;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Digest(session, (CK_BYTE *)"abc", 3, digest, &size));
  OK(p11->C_Digest(session, (CK_BYTE *)"abc", 3, digest, &size));
  CHECK(memcmp(digest, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8) == 0);
  OK(p11->C_DigestInit(session, &mechanism));
  OK(p11->C_DigestUpdate(session, (CK_BYTE *)"ab", 2));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Digest(session, digest, 1, digest, &size));
  OK(p11->C_DigestUpdate(session, (CK_BYTE *)"c", 1));
  memset(digest, 0, sizeof digest);
  OK(p11->C_DigestFinal(session, digest, &size));
  CHECK(memcmp(digest, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8) == 0);
  EXPECT(CKR_MECHANISM_INVALID, p11->C_DigestInit(session, &(CK_MECHANISM){CKM_ECDSA, NULL, 0}));
}

static CK_ULONG count_found(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG attributes, CK_ULONG at_once) {
  CK_OBJECT_HANDLE handles[64];
  CK_ULONG got, total = 0;
  OK(p11->C_FindObjectsInit(session, template, attributes));
  do {
    OK(p11->C_FindObjects(session, handles + total, at_once, &got));
    CHECK(got <= at_once);
    total += got;
  } while (got > 0);
  OK(p11->C_FindObjects(session, handles, 1, &got));
  CHECK(got == 0);
  OK(p11->C_FindObjectsFinal(session));
  for (CK_ULONG i = 0; i < total; i++)
    for (CK_ULONG j = 0; j < i; j++) CHECK(handles[i] != handles[j]);
  return total;
}

static void check_searches(CK_SESSION_HANDLE session) {
  CK_BYTE large[65537] = {0};
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY, vendor = 0xce534351;
  CK_ATTRIBUTE by_class = {CKA_CLASS, &class, sizeof class}, none = {CKA_CLASS, &vendor, sizeof vendor};
  CK_ATTRIBUTE too_large = {CKA_LABEL, large, sizeof large}, broken = {CKA_LABEL, NULL, 5};
  CK_ATTRIBUTE full = {CKA_LABEL, large, 65536};
  CK_ULONG got;
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjects(session, NULL, 0, &got));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjectsFinal(session));
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_FindObjectsInit(session, &too_large, 1));
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_FindObjectsInit(session, &broken, 1));
  CHECK(count_found(session, NULL, 0, 1) == 10);
  CHECK(count_found(session, NULL, 0, 3) == 10);
  CHECK(count_found(session, NULL, 0, 20) == 10);
  CHECK(count_found(session, &by_class, 1, 20) == 5);
  CHECK(count_found(session, &none, 1, 20) == 0);
  CHECK(count_found(session, &full, 1, 20) == 0);
  /* Session objects of one session go with it; handles of others stay. */
  CK_SESSION_HANDLE other = open_session();
  struct key_pair pair = generate(other, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "gone", CK_FALSE);
  CHECK(count_found(session, NULL, 0, 20) == 12);
  OK(p11->C_CloseSession(other));
  CHECK(count_found(session, NULL, 0, 20) == 10);
  CK_ATTRIBUTE label = {CKA_LABEL, NULL, 0};
  EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_GetAttributeValue(session, pair.public, &label, 1));
  /* Private keys are neither found nor handed out after a logout. */
  OK(p11->C_FindObjectsInit(session, &by_class, 1));
  OK(p11->C_Logout(session));
  CK_OBJECT_HANDLE handles[8];
  OK(p11->C_FindObjects(session, handles, 8, &got));
  CHECK(got == 0);
  OK(p11->C_FindObjectsFinal(session));
  CHECK(count_found(session, &by_class, 1, 20) == 0);
  log_in(session);
}

static void check_read_only(void) {
  CK_SESSION_HANDLE session;
  OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session));
  CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
  CK_ATTRIBUTE token[] = {{CKA_TOKEN, &yes, 1}, {CKA_EC_PARAMS, EC_P256, 10}};
  CK_OBJECT_HANDLE public, private, handle;
  CK_ULONG got;
  EXPECT(CKR_SESSION_READ_ONLY,
         p11->C_GenerateKeyPair(session, &mechanism, token + 1, 1, token, 1, &public, &private));
  EXPECT(CKR_SESSION_READ_ONLY, p11->C_CreateObject(session, token, 1, &handle));
  OK(p11->C_FindObjectsInit(session, token, 1));
  OK(p11->C_FindObjects(session, &handle, 1, &got));
  CHECK(got == 1);
  EXPECT(CKR_SESSION_READ_ONLY, p11->C_DestroyObject(session, handle));
  EXPECT(CKR_SESSION_READ_ONLY, p11->C_SetAttributeValue(session, handle, &(CK_ATTRIBUTE){CKA_LABEL, "x", 1}, 1));
  /* Session keys are no matter of the token. */
  generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "mine", CK_FALSE);
  OK(p11->C_CloseSession(session));
}

static void check_rest(CK_SESSION_HANDLE session) {
  CK_BYTE random[50000] = {0}, zeros[64] = {0};
  OK(p11->C_GenerateRandom(session, random, sizeof random));
  CHECK(memcmp(random + sizeof random - 64, zeros, 64) != 0);
  OK(p11->C_GenerateRandom(session, NULL, 0));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GenerateRandom(session, NULL, 1));
  EXPECT(CKR_RANDOM_SEED_NOT_SUPPORTED, p11->C_SeedRandom(session, random, 4));
  EXPECT(CKR_FUNCTION_NOT_PARALLEL, p11->C_GetFunctionStatus(session));
  EXPECT(CKR_FUNCTION_NOT_PARALLEL, p11->C_CancelFunction(session));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_EncryptInit(session, NULL, 0));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_InitToken(0, NULL, 0, NULL));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  check_lists(load_module(argv[1], 0));
  check_initialize();
  check_slot();
  check_login();
  CK_SESSION_HANDLE session = open_session();
  log_in(session);
  check_signatures(session);
  check_searches(session);
  check_read_only();
  check_rest(session);
  OK(p11->C_CloseSession(session));
  OK(p11->C_Finalize(NULL));
  return 0;
}
