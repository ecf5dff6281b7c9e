/* forgeries MODULE: signatures that look right to careless verifiers (after the attacks of D. Bleichenbacher, 2006). */

#include "checks.h"

enum { SIZE = 256 };

static CK_BYTE hash[32];

/* Signs an encoded message as it is. */
static void sign_raw(CK_OBJECT_HANDLE key, const CK_BYTE *encoded, CK_BYTE *signature) {
  CK_ULONG size = SIZE;
  OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_RSA_X_509, NULL, 0}, key));
  OK(p11->C_Sign(session, (CK_BYTE *)encoded, SIZE, signature, &size));
}

static CK_RV verify(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type, const CK_BYTE *signature, CK_ULONG size) {
  OK(p11->C_VerifyInit(session, &(CK_MECHANISM){type, NULL, 0}, key));
  return p11->C_Verify(session, (CK_BYTE *)"message", 7, (CK_BYTE *)signature, size);
}

/* 00, block type, padding of `padding` bytes, 00, then what is given. */
static size_t encode(CK_BYTE *encoded, CK_BYTE block_type, CK_BYTE filler, size_t padding, const char *prefix,
                     size_t prefix_length) {
  size_t at = 0;
  memset(encoded, 0xee, SIZE);
  encoded[at++] = 0;
  encoded[at++] = block_type;
  memset(encoded + at, filler, padding);
  at += padding;
  encoded[at++] = 0;
  memcpy(encoded + at, prefix, prefix_length);
  at += prefix_length;
  memcpy(encoded + at, hash, sizeof hash);
  return at + sizeof hash;
}

static void check_rsa(void) {
#define INFO "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
  static const struct {
    CK_BYTE block_type, filler;
    int padding;
    const char *info;
    size_t info_length;
  } forged[] = {
      /* Other padding: short, and rubbish behind the hash; type 2; not ff. */
      {1, 0xff, 8, INFO, 19},
      {1, 0xff, 100, INFO, 19},
      {2, 0xff, 202, INFO, 19},
      {0, 0x00, 202, INFO, 19},
      {1, 0xfe, 202, INFO, 19},
      /* Another digest, no parameters, a parameter that is not NULL, lengths in other forms, no DigestInfo at all. */
      {1, 0xff, 202, "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x20", 19},
      {1, 0xff, 202, "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x00\x04\x20", 19},
      {1, 0xff, 201, "\x30\x32\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x81\x20", 20},
      {1, 0xff, 201, "\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 20},
      {1, 0xff, 221, "", 0},
  };
  CK_ULONG bits = 8 * SIZE;
  CK_ATTRIBUTE public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_VERIFY, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, 1}};
  struct key_pair pair = make_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, public, 2, private, 1);
  CK_BYTE encoded[SIZE], signature[SIZE], modulus[SIZE];
  CHECK(encode(encoded, 1, 0xff, 202, INFO, 19) == SIZE);
  sign_raw(pair.private, encoded, signature);
  OK(verify(pair.public, CKM_SHA256_RSA_PKCS, signature, SIZE));
  EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_SHA384_RSA_PKCS, signature, SIZE));
  for (size_t i = 0; i < COUNT(forged); i++) {
    encode(encoded, forged[i].block_type, forged[i].filler, (size_t)forged[i].padding, forged[i].info,
           forged[i].info_length);
    sign_raw(pair.private, encoded, signature);
    CK_RV rv = verify(pair.public, CKM_SHA256_RSA_PKCS, signature, SIZE);
    if (rv != CKR_SIGNATURE_INVALID) FAIL("encoding %zu gives 0x%lx", i, rv);
  }
  /* Numbers that no signature is: 0, 1, the modulus and more. */
  CK_ATTRIBUTE asked = {CKA_MODULUS, modulus, sizeof modulus};
  OK(p11->C_GetAttributeValue(session, pair.public, &asked, 1));
  EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_SHA256_RSA_PKCS, modulus, SIZE));
  memset(signature, 0xff, SIZE);
  EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_SHA256_RSA_PKCS, signature, SIZE));
  memset(signature, 0, SIZE);
  EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_SHA256_RSA_PKCS, signature, SIZE));
  signature[SIZE - 1] = 1;
  EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_SHA256_RSA_PKCS, signature, SIZE));
}

static void check_ecdsa(void) {
  static const char *numbers[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000001",
      /* The order of P-256, and one less. */
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, {CKA_VERIFY, &yes, 1}}, private[] = {{CKA_SIGN, &yes, 1}};
  struct key_pair pair = make_pair(CKM_EC_KEY_PAIR_GEN, public, 2, private, 1);
  CK_BYTE signature[64];
  for (size_t r = 0; r < COUNT(numbers); r++) {
    for (size_t s = 0; s < COUNT(numbers); s++) {
      unhex(numbers[r], signature);
      unhex(numbers[s], signature + 32);
      EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_ECDSA_SHA256, signature, 64));
    }
  }
}

/* RFC 8032, 5.1.7: S must be below the order, or every signature would have a twin. */
static void check_eddsa(void) {
  CK_BYTE order[32], signature[64];
  CK_ULONG size = sizeof signature;
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_ED25519, 5}, {CKA_VERIFY, &yes, 1}}, private[] = {{CKA_SIGN, &yes, 1}};
  struct key_pair pair = make_pair(CKM_EC_EDWARDS_KEY_PAIR_GEN, public, 2, private, 1);
  OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_EDDSA, NULL, 0}, pair.private));
  OK(p11->C_Sign(session, (CK_BYTE *)"message", 7, signature, &size));
  OK(verify(pair.public, CKM_EDDSA, signature, 64));
  unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order);
  unsigned carry = 0;
  for (int i = 0; i < 32; i++) {
    carry += signature[32 + i] + (unsigned)order[i];
    signature[32 + i] = (CK_BYTE)carry;
    carry >>= 8;
  }
  EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_EDDSA, signature, 64));
  memset(signature, 0, sizeof signature);
  EXPECT(CKR_SIGNATURE_INVALID, verify(pair.public, CKM_EDDSA, signature, 64));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  CK_ULONG size = sizeof hash;
  OK(p11->C_DigestInit(session, &(CK_MECHANISM){CKM_SHA256, NULL, 0}));
  OK(p11->C_Digest(session, (CK_BYTE *)"message", 7, hash, &size));
  check_rsa();
  check_ecdsa();
  check_eddsa();
  OK(p11->C_Finalize(NULL));
  return 0;
}
