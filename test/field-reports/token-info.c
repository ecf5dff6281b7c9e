/* token-info: slots and tokens as daemons look at them when they start (PKCS#11 5.5). */

#include <pthread.h>

#include "field.h"

static struct key_pair rsa, ec;

static void *sign_as_worker(void *argument) {
  CK_SESSION_HANDLE session;
  CK_BYTE signature[256], plain[256], data[64] = "to be signed", info[51];
  static const CK_BYTE PREFIX[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  struct bytes digest = hash(EVP_sha256(), data, 64);
  OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session));
  memcpy(info, PREFIX, 19);
  memcpy(info + 19, digest.at, 32);
  for (int i = 0; i < 3; i++) {
    CK_ULONG size = 256, plain_size = 256;
    OK(sign_raw(session, MECHANISM(CKM_SHA256_RSA_PKCS), rsa.private, data, 64, signature, &size));
    OK(sign_raw(session, MECHANISM(CKM_RSA_PKCS), rsa.private, info, 51, plain, &plain_size));
    CHECK(size == 256 && plain_size == 256 && memcmp(signature, plain, 256) == 0);
    CHECK(pkcs1_verifies(software_key(session, rsa.public), EVP_sha256(), data, 64, signature, size));
    size = 256;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA_SHA256), ec.private, data, 64, signature, &size));
    CHECK(ecdsa_verifies(software_key(session, ec.public), digest.at, 32, signature, size));
    OK(verify_raw(session, MECHANISM(CKM_ECDSA), ec.public, digest.at, 32, signature, size));
    if (!lists(CKM_SHA256_RSA_PKCS_PSS)) continue;
    CK_ULONG pss[] = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS_PSS, pss, sizeof pss};
    size = 256;
    OK(sign_raw(session, &mechanism, rsa.private, data, 64, signature, &size));
    CHECK(pss_verifies(software_key(session, rsa.public), EVP_sha256(), EVP_sha256(), 32, digest.at, 32, signature,
                       size));
  }
  OK(p11->C_CloseSession(session));
  return argument;
}

TEST(daemon_start, "a daemon lists slots, searches without and with login, and signs with hash and without in its "
                   "workers: the same bytes") {
  CK_SLOT_ID ids[8];
  CK_ULONG count = 8;
  OK(p11->C_Initialize(NULL));
  OK(p11->C_GetSlotList(CK_TRUE, ids, &count));
  CHECK(count == 1);
  for (CK_ULONG i = 0; i < count; i++) {
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session;
    OK(p11->C_GetTokenInfo(ids[i], &info));
    CHECK((info.flags & CKF_TOKEN_TOKEN_INITIALIZED) && (info.flags & CKF_TOKEN_LOGIN_REQUIRED) &&
          (info.flags & CKF_TOKEN_RNG) && (info.flags & CKF_TOKEN_USER_PIN_INITIALIZED));
    OK(p11->C_OpenSession(ids[i], CKF_SERIAL_SESSION, NULL, NULL, &session));
    CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, certificate = CKO_CERTIFICATE;
    CK_ATTRIBUTE by_private[] = {ATTRIBUTE(CKA_CLASS, private)}, by_certificate[] = {ATTRIBUTE(CKA_CLASS, certificate)};
    CHECK(count_of(session, by_private, 1) == 0);
    count_of(session, by_certificate, 1);
  }
  CK_SESSION_HANDLE session = open_session();
  log_in(session);
  rsa = session_rsa(session, 2048);
  ec = session_p256(session);
  pthread_t threads[16];
  for (int i = 0; i < 16; i++) CHECK(pthread_create(&threads[i], NULL, sign_as_worker, NULL) == 0);
  for (int i = 0; i < 16; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static bool padded(const CK_BYTE *field, size_t size) {
  size_t text = size;
  while (text > 0 && field[text - 1] == ' ') text--;
  for (size_t i = 0; i < text; i++)
    if (field[i] == 0) return false;
  return text > 0;
}

TEST(token_fields, "the fields of slot and token are padded with blanks, and numbers that are not known say so (3.2)") {
  OK(p11->C_Initialize(NULL));
  CK_SLOT_INFO slot;
  CK_TOKEN_INFO token;
  CK_INFO info;
  OK(p11->C_GetInfo(&info));
  OK(p11->C_GetSlotInfo(0, &slot));
  OK(p11->C_GetTokenInfo(0, &token));
  CHECK(padded(info.manufacturerID, 32) && padded(info.libraryDescription, 32));
  CHECK(padded(slot.slotDescription, 64) && padded(slot.manufacturerID, 32));
  CHECK(padded(token.label, 32) && padded(token.manufacturerID, 32) && padded(token.model, 16) &&
        padded(token.serialNumber, 16));
  CHECK(token.ulMinPinLen > 0 && token.ulMinPinLen <= token.ulMaxPinLen);
  const CK_ULONG memory[] = {token.ulTotalPublicMemory, token.ulFreePublicMemory, token.ulTotalPrivateMemory,
                             token.ulFreePrivateMemory};
  for (size_t i = 0; i < 4; i++) CHECK(memory[i] == CK_UNAVAILABLE_INFORMATION || memory[i] > 0);
}

PART(never_set_up) {
  CK_TOKEN_INFO info;
  CK_ULONG count = 8;
  CK_SLOT_ID ids[8];
  OK(p11->C_Initialize(NULL));
  OK(p11->C_GetSlotList(CK_TRUE, ids, &count));
  CHECK(count == 1);
  OK(p11->C_GetTokenInfo(0, &info));
  CHECK((info.flags & CKF_TOKEN_USER_PIN_INITIALIZED) == 0);
  OK(p11->C_GetMechanismList(0, NULL, &count));
  CK_SESSION_HANDLE session = open_session();
  CK_RV rv = p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1);
  if (rv != CKR_USER_PIN_NOT_INITIALIZED && rv != CKR_PIN_INCORRECT && rv != CKR_DEVICE_ERROR)
    FAIL("C_Login is 0x%lx", rv);
  OK(p11->C_CloseSession(session));
  OK(p11->C_Finalize(NULL));
  exit(0);
}
