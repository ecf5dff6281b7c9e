/* outdated MODULE: an appliance whose policy is against MD5 and SHA-1 signatures does not get them from the library either. */

#include "checks.h"

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  struct key_pair pair = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "key", CK_FALSE);
  EXPECT(CKR_MECHANISM_INVALID, p11->C_DigestInit(session, &(CK_MECHANISM){CKM_MD5, NULL, 0}));
  EXPECT(CKR_MECHANISM_INVALID, p11->C_SignInit(session, &(CK_MECHANISM){CKM_ECDSA_SHA1, NULL, 0}, pair.private));
  EXPECT(CKR_MECHANISM_INVALID, p11->C_VerifyInit(session, &(CK_MECHANISM){CKM_ECDSA_SHA1, NULL, 0}, pair.public));
  OK(p11->C_DigestInit(session, &(CK_MECHANISM){CKM_SHA256, NULL, 0}));
  OK(sign_and_verify(session, pair, CKM_ECDSA_SHA256, "data", 4));
  OK(p11->C_Finalize(NULL));
  return 0;
}
