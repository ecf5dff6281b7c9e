/*
 * users MODULE: two parts of one program use the module without knowing of each other, and the program has an OpenSSL of
 * its own. The first is in the middle of a signature when the second comes, and idle when the second ends the library.
 */

#include <openssl/evp.h>

#include "module.h"

static void host_digest(void) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  size_t length;
  CHECK(EVP_Q_digest(NULL, "SHA256", NULL, "abc", 3, digest, &length) == 1);
  CHECK(length == 32 && memcmp(digest, "\xba\x78\x16\xbf", 4) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  host_digest();
  void *first = load_module(argv[1], 0);
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "first", CK_FALSE);
  CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
  CK_BYTE data[100] = {1}, signature[64];
  CK_ULONG size = sizeof signature;
  OK(p11->C_SignInit(session, &mechanism, pair.private));
  OK(p11->C_SignUpdate(session, data, 50));

  void *second = load_module(argv[1], RTLD_GLOBAL);
  EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(NULL));
  CK_SESSION_HANDLE other = open_session();
  EXPECT(CKR_USER_ALREADY_LOGGED_IN, p11->C_Login(other, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1));
  OK(p11->C_CloseSession(other));
  CHECK(dlclose(second) == 0);

  OK(p11->C_SignUpdate(session, data + 50, 50));
  OK(p11->C_SignFinal(session, signature, &size));
  OK(p11->C_VerifyInit(session, &mechanism, pair.public));
  OK(p11->C_Verify(session, data, sizeof data, signature, size));
  host_digest();

  /* The second one ends it for both. */
  OK(p11->C_Finalize(NULL));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_SignInit(session, &mechanism, pair.private));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Sign(session, data, 1, signature, &size));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_CloseAllSessions(0));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
  host_digest();

  /* Unloaded without C_Finalize, and loaded again: the library tells that it is still in use. */
  session = start();
  CHECK(dlclose(first) == 0);
  load_module(argv[1], 0);
  EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(NULL));
  CK_SESSION_INFO info;
  OK(p11->C_GetSessionInfo(session, &info));
  CHECK(info.state == CKS_RW_USER_FUNCTIONS);
  OK(p11->C_Finalize(NULL));
  OK(p11->C_Initialize(NULL));
  EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_GetSessionInfo(session, &info));
  OK(p11->C_Finalize(NULL));
  host_digest();
  return 0;
}
