/* signing_rsa MODULE: RSA signatures with every padding and hash, and those that give their data back. */

#include "signer.h"

static void check_recover(struct key_pair pair) {
  CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
  CK_BYTE signature[256], recovered[256];
  CK_ULONG size = 0, length = 0;
  OK(p11->C_SignRecoverInit(session, &mechanism, pair.private));
  OK(p11->C_SignRecover(session, data, 40, NULL, &size));
  CHECK(size == 256);
  OK(p11->C_SignRecover(session, data, 40, signature, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignRecover(session, data, 40, signature, &size));
  OK(p11->C_VerifyRecoverInit(session, &mechanism, pair.public));
  OK(p11->C_VerifyRecover(session, signature, 256, NULL, &length));
  CHECK(length == 40);
  CK_BYTE *exact = guarded(40);
  length = 39;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_VerifyRecover(session, signature, 256, exact, &length));
  OK(p11->C_VerifyRecover(session, signature, 256, exact, &length));
  CHECK(length == 40 && memcmp(exact, data, 40) == 0);
  OK(p11->C_VerifyRecoverInit(session, &mechanism, pair.public));
  EXPECT(CKR_SIGNATURE_LEN_RANGE, p11->C_VerifyRecover(session, signature, 255, recovered, &length));
  signature[100] ^= 1;
  OK(p11->C_VerifyRecoverInit(session, &mechanism, pair.public));
  length = sizeof recovered;
  EXPECT(CKR_SIGNATURE_INVALID, p11->C_VerifyRecover(session, signature, 256, recovered, &length));
  EXPECT(CKR_MECHANISM_INVALID, p11->C_SignRecoverInit(session, &(CK_MECHANISM){CKM_ECDSA, NULL, 0}, pair.private));
}

static void check_rsa(void) {
  static const struct {
    CK_MECHANISM_TYPE plain, pss, hash, mgf;
    CK_ULONG length;
  } hashes[] = {
      {CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1, 20},
      {CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28},
      {CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32},
      {CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48},
      {CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 64},
      {CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, CKG_MGF1_SHA3_224, 28},
      {CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256, 32},
      {CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, CKG_MGF1_SHA3_384, 48},
      {CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, CKG_MGF1_SHA3_512, 64},
  };
  CK_ULONG bits = 2048;
  struct key_pair pair = signing_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits});
  struct signer signer = {{CKM_RSA_PKCS, NULL, 0}, pair.private, pair.public, 256, 245};
  check_signer(signer);
  signer.mechanism.mechanism = CKM_MD5_RSA_PKCS;
  signer.length = DATA;
  check_signer(signer);
  for (size_t i = 0; i < COUNT(hashes); i++) {
    CK_RSA_PKCS_PSS_PARAMS pss = {hashes[i].hash, hashes[i].mgf, hashes[i].length};
    signer.length = DATA;
    signer.mechanism = (CK_MECHANISM){hashes[i].plain, (void *)1, 99};
    check_signer(signer);
    signer.mechanism = (CK_MECHANISM){hashes[i].pss, &pss, sizeof pss};
    check_signer(signer);
    signer.mechanism.mechanism = CKM_RSA_PKCS_PSS;
    signer.length = hashes[i].length;
    check_signer(signer);
    /* Another hash in the mask, and no salt. */
    pss = (CK_RSA_PKCS_PSS_PARAMS){hashes[i].hash, CKG_MGF1_SHA1, 0};
    check_signer(signer);
    CK_RSA_PKCS_PSS_PARAMS bad[] = {{hashes[i].hash == CKM_SHA_1 ? CKM_SHA256 : CKM_SHA_1, CKG_MGF1_SHA1, 20},
                                    {hashes[i].hash, 0, 20},
                                    {hashes[i].hash, 99, 20},
                                    {CKM_RSA_PKCS, CKG_MGF1_SHA1, 20},
                                    {hashes[i].hash, CKG_MGF1_SHA1, 100000}};
    for (size_t b = 0; b < COUNT(bad); b++)
      EXPECT(CKR_MECHANISM_PARAM_INVALID,
             p11->C_SignInit(session, &(CK_MECHANISM){hashes[i].pss, &bad[b], sizeof bad[b]}, pair.private));
    EXPECT(CKR_MECHANISM_PARAM_INVALID,
           p11->C_SignInit(session, &(CK_MECHANISM){hashes[i].pss, &pss, sizeof pss - 1}, pair.private));
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &(CK_MECHANISM){hashes[i].pss, NULL, 0}, pair.private));
  }
  check_recover(pair);
  CK_BYTE small[256] = {0, 1, 2, 3}, signature[256];
  CK_ULONG size = sizeof signature;
  OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_RSA_X_509, NULL, 0}, pair.private));
  OK(p11->C_Sign(session, small, 256, signature, &size));
  OK(p11->C_VerifyInit(session, &(CK_MECHANISM){CKM_RSA_X_509, NULL, 0}, pair.public));
  OK(p11->C_Verify(session, small, 256, signature, size));
  OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_RSA_X_509, NULL, 0}, pair.private));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_Sign(session, data, 257, signature, &size));
  EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11->C_SignInit(session, &(CK_MECHANISM){CKM_ECDSA, NULL, 0}, pair.private));
  EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11->C_VerifyInit(session, &(CK_MECHANISM){CKM_RSA_PKCS, NULL, 0}, pair.private));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_signing(argv[1]);
  check_rsa();
  OK(p11->C_Finalize(NULL));
  return 0;
}
