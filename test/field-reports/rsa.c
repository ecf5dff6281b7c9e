/* rsa: the limits of PSS, PKCS#1 v1.5, raw RSA and OAEP, and what a failed decryption says (PKCS#11 5.10.2, 6.1). */

#include <time.h>

#include "field.h"

static CK_BYTE out[1024];

struct pss {
  CK_ULONG hash, mgf, salt;
};

static const struct {
  CK_MECHANISM_TYPE hash, mechanism;
  CK_ULONG mgf;
  const EVP_MD *(*digest)(void);
  CK_ULONG length;
} HASHES[] = {{CKM_SHA_1, CKM_SHA1_RSA_PKCS_PSS, CKG_MGF1_SHA1, EVP_sha1, 20},
              {CKM_SHA256, CKM_SHA256_RSA_PKCS_PSS, CKG_MGF1_SHA256, EVP_sha256, 32},
              {CKM_SHA384, CKM_SHA384_RSA_PKCS_PSS, CKG_MGF1_SHA384, EVP_sha384, 48},
              {CKM_SHA512, CKM_SHA512_RSA_PKCS_PSS, CKG_MGF1_SHA512, EVP_sha512, 64}};

static void check_salts(CK_SESSION_HANDLE session, struct key_pair pair, EVP_PKEY *key, CK_ULONG bits, size_t h,
                        bool hashed) {
  CK_ULONG length = HASHES[h].length, most = (bits - 1 + 7) / 8 - 2 - length;
  const CK_ULONG salts[] = {0, 1, 20, length, most - 1, most, most + 1, most + 2, 0xffffffff, ~0UL};
  CK_BYTE data[64] = {1};
  struct bytes value = hash(HASHES[h].digest(), data, length);
  const CK_BYTE *input = hashed ? data : value.at;
  for (size_t i = 0; i < COUNT(salts); i++) {
    struct pss pss = {HASHES[h].hash, HASHES[h].mgf, salts[i]};
    CK_MECHANISM mechanism = {hashed ? HASHES[h].mechanism : CKM_RSA_PKCS_PSS, &pss, sizeof pss};
    CK_ULONG size = sizeof out;
    CK_RV rv = sign_raw(session, &mechanism, pair.private, input, length, out, &size);
    if (salts[i] > most) {
      if (rv != CKR_MECHANISM_PARAM_INVALID) FAIL("salt of %lu bytes with %lu bits: 0x%lx", salts[i], bits, rv);
      EXPECT(CKR_MECHANISM_PARAM_INVALID, verify_raw(session, &mechanism, pair.public, input, length, out, bits / 8));
      continue;
    }
    if (rv != CKR_OK) FAIL("salt of %lu bytes with %lu bits: 0x%lx", salts[i], bits, rv);
    CHECK(pss_verifies(key, HASHES[h].digest(), HASHES[h].digest(), (int)salts[i], value.at, length, out, size));
    CHECK(!pss_verifies(key, HASHES[h].digest(), HASHES[h].digest(), (int)salts[i] == 0 ? 1 : (int)salts[i] - 1,
                        value.at, length, out, size));
    OK(verify_raw(session, &mechanism, pair.public, input, length, out, size));
    pss.salt = salts[i] == 0 ? 1 : salts[i] - 1;
    EXPECT(CKR_SIGNATURE_INVALID, verify_raw(session, &mechanism, pair.public, input, length, out, size));
  }
}

TEST(pss_salts,
     "PSS takes salts from none to the longest the key has room for, exactly as long as asked (6.1.9, 6.1.10)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_RSA_PKCS_PSS);
  static const CK_ULONG sizes[] = {1024, 2048, 2056, 3072};
  for (size_t s = 0; s < COUNT(sizes); s++) {
    struct key_pair pair;
    CK_ULONG bits = sizes[s];
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits), ATTRIBUTE(CKA_VERIFY, yes)},
                 private[] = {ATTRIBUTE(CKA_SIGN, yes)};
    CK_RV rv = p11->C_GenerateKeyPair(session, MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), public, 2, private, 1,
                                      &pair.public, &pair.private);
    if (bits == 2056 && rv == CKR_KEY_SIZE_RANGE) continue;
    OK(rv);
    EVP_PKEY *key = software_key(session, pair.public);
    for (size_t h = 0; h < COUNT(HASHES); h++)
      check_salts(session, pair, key, bits, h, h % 2 == s % 2 && lists(HASHES[h].mechanism));
    EVP_PKEY_free(key);
  }
}

TEST(pss_parameters,
     "PSS refuses a hash, a mask or a length that does not fit, and never takes another mask (6.1.8 to 6.1.10)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_RSA_PKCS_PSS);
  struct key_pair pair = session_rsa(session, 2048);
  EVP_PKEY *key = software_key(session, pair.public);
  CK_BYTE data[72] = {0};
  struct pss pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &pss, sizeof pss};
  CK_ULONG size = sizeof out;
  const CK_ULONG lengths[] = {0, 20, 31, 33, 64};
  for (size_t i = 0; i < COUNT(lengths); i++)
    EXPECT(CKR_DATA_LEN_RANGE, sign_raw(session, &mechanism, pair.private, data, lengths[i], out, &size));
  pss.mgf = CKG_MGF1_SHA1;
  CK_RV rv = sign_raw(session, &mechanism, pair.private, data, 32, out, &size);
  ONE_OF(rv, CKR_OK, CKR_MECHANISM_PARAM_INVALID);
  if (rv == CKR_OK) CHECK(pss_verifies(key, EVP_sha256(), EVP_sha1(), 32, data, 32, out, size));
  const struct pss wrong[] = {{CKM_SHA256, 0, 32},
                              {CKM_SHA256, 99, 32},
                              {CKM_RSA_PKCS, CKG_MGF1_SHA256, 32},
                              {CKM_SHA384, CKG_MGF1_SHA384, 32},
                              {0, 0, 0}};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    if (i == 3) mechanism.mechanism = CKM_SHA256_RSA_PKCS_PSS;
    pss = wrong[i];
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &mechanism, pair.private));
  }
  pss = (struct pss){CKM_SHA256, CKG_MGF1_SHA256, 32};
  for (int delta = -8; delta <= 8; delta++) {
    if (delta == 0) continue;
    mechanism.ulParameterLen = (CK_ULONG)((long)sizeof pss + delta);
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &mechanism, pair.private));
  }
  mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, NULL, 0};
  ONE_OF(p11->C_SignInit(session, &mechanism, pair.private), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
  mechanism.ulParameterLen = sizeof pss;
  ONE_OF(p11->C_SignInit(session, &mechanism, pair.private), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
}

static struct key_pair decrypting_pair(CK_SESSION_HANDLE session) {
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits), ATTRIBUTE(CKA_ENCRYPT, yes)},
               private[] = {ATTRIBUTE(CKA_DECRYPT, yes)};
  struct key_pair pair;
  OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), public, 2, private, 1, &pair.public,
                            &pair.private));
  return pair;
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const CK_BYTE *data,
                     CK_ULONG length, CK_ULONG *size) {
  CK_RV rv = p11->C_DecryptInit(session, mechanism, key);
  return rv != CKR_OK ? rv : p11->C_Decrypt(session, (CK_BYTE *)data, length, out, size);
}

struct oaep {
  CK_ULONG hash, mgf, source;
  void *label;
  CK_ULONG length;
};

TEST(decryption_codes, "a failed RSA decryption says one thing about padding, another about length, and a small buffer "
                       "may try again (5.10.2, 6.1.6)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_RSA_PKCS_OAEP);
  struct key_pair pair = decrypting_pair(session);
  EVP_PKEY *key = software_key(session, pair.public);
  struct oaep oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
  CK_MECHANISM mechanisms[] = {{CKM_RSA_PKCS, NULL, 0}, {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep}};
  for (int m = 0; m < 2; m++) {
    struct bytes sealed = rsa_encrypt(key, m == 0 ? RSA_PKCS1_PADDING : RSA_PKCS1_OAEP_PADDING,
                                      m == 0 ? NULL : EVP_sha256(), "secret", 6);
    CK_ULONG size = sizeof out;
    OK(decrypt(session, &mechanisms[m], pair.private, sealed.at, 256, &size));
    CHECK(size == 6 && memcmp(out, "secret", 6) == 0);
    CK_RV padding = 0;
    for (int i = 0; i < 40; i++) {
      struct bytes broken = sealed;
      broken.at[255 - i] ^= 1;
      size = sizeof out;
      CK_RV rv = decrypt(session, &mechanisms[m], pair.private, broken.at, 256, &size);
      /* PKCS#1 v1.5: either an error or an implicit rejection, always in the same way. */
      ONE_OF(rv, CKR_ENCRYPTED_DATA_INVALID, m == 0 ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID);
      if (i == 0) padding = rv;
      CHECK(rv == padding);
    }
    const CK_ULONG lengths[] = {255, 257, 0};
    for (int i = 0; i < 3; i++) {
      size = sizeof out;
      EXPECT(CKR_ENCRYPTED_DATA_LEN_RANGE,
             decrypt(session, &mechanisms[m], pair.private, sealed.at, lengths[i], &size));
    }
    CK_BYTE large[256];
    memset(large, 0xff, sizeof large);
    size = sizeof out;
    CK_RV rv = decrypt(session, &mechanisms[m], pair.private, large, 256, &size);
    ONE_OF(rv, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE);
    size = 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, decrypt(session, &mechanisms[m], pair.private, sealed.at, 256, &size));
    CHECK(size >= 6 && size <= 256);
    size = 256;
    OK(p11->C_Decrypt(session, sealed.at, 256, out, &size));
    CHECK(size == 6 && memcmp(out, "secret", 6) == 0);
  }
}

TEST(pkcs1_lengths, "PKCS#1 v1.5 signs and encrypts up to 11 bytes less than the modulus, not one more (6.1.6)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_rsa(session, 2048);
  EVP_PKEY *key = software_key(session, pair.public);
  CK_BYTE data[300];
  memset(data, 0, sizeof data);
  const CK_ULONG lengths[] = {1, 51, 244, 245};
  CK_ULONG empty = sizeof out;
  ONE_OF(sign_raw(session, MECHANISM(CKM_RSA_PKCS), pair.private, data, 0, out, &empty), CKR_OK, CKR_DATA_LEN_RANGE);
  for (size_t i = 0; i < COUNT(lengths); i++) {
    CK_ULONG size = sizeof out;
    OK(sign_raw(session, MECHANISM(CKM_RSA_PKCS), pair.private, data, lengths[i], out, &size));
    CHECK(size == 256 && pkcs1_verifies(key, NULL, data, lengths[i], out, size));
    OK(verify_raw(session, MECHANISM(CKM_RSA_PKCS), pair.public, data, lengths[i], out, size));
  }
  for (CK_ULONG length = 246; length <= 257; length++) {
    CK_ULONG size = sizeof out;
    EXPECT(CKR_DATA_LEN_RANGE, sign_raw(session, MECHANISM(CKM_RSA_PKCS), pair.private, data, length, out, &size));
  }
}

TEST(pkcs1_encryption, "what is encrypted with PKCS#1 v1.5 comes back, empty or as long as it may be (6.1.6)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_RSA_PKCS_OAEP);
  struct key_pair pair = decrypting_pair(session);
  CK_BYTE data[300], sealed[256];
  memset(data, 0, sizeof data);
  const CK_ULONG lengths[] = {0, 1, 244, 245};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    CK_ULONG size = sizeof sealed, length = sizeof out;
    OK(p11->C_EncryptInit(session, MECHANISM(CKM_RSA_PKCS), pair.public));
    OK(p11->C_Encrypt(session, data, lengths[i], sealed, &size));
    CHECK(size == 256);
    OK(decrypt(session, MECHANISM(CKM_RSA_PKCS), pair.private, sealed, 256, &length));
    CHECK(length == lengths[i] && memcmp(out, data, length) == 0);
  }
  for (CK_ULONG length = 246; length <= 257; length++) {
    CK_ULONG size = sizeof sealed;
    OK(p11->C_EncryptInit(session, MECHANISM(CKM_RSA_PKCS), pair.public));
    EXPECT(CKR_DATA_LEN_RANGE, p11->C_Encrypt(session, data, length, sealed, &size));
  }
}

TEST(raw_rsa, "raw RSA pads short input with zeros, gives as many bytes as the modulus has, and refuses larger numbers "
              "(6.1.12)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_RSA_X_509);
  struct key_pair pair = session_rsa(session, 2048), other = decrypting_pair(session);
  struct bytes modulus = get(session, pair.public, CKA_MODULUS);
  EVP_PKEY *key = software_key(session, pair.public);
  CK_BYTE data[257] = {0};
  CHECK(modulus.length == 256);
  data[255] = 3;
  const CK_ULONG lengths[] = {256, 1};
  for (int i = 0; i < 2; i++) {
    CK_ULONG size = sizeof out;
    OK(sign_raw(session, MECHANISM(CKM_RSA_X_509), pair.private, data + 256 - lengths[i], lengths[i], out, &size));
    CHECK(size == 256 && is(rsa_encrypt(key, RSA_NO_PADDING, NULL, out, 256), data, 256));
    OK(verify_raw(session, MECHANISM(CKM_RSA_X_509), pair.public, data + 256 - lengths[i], lengths[i], out, size));
  }
  CK_ULONG size = sizeof out;
  CK_BYTE less[256];
  memcpy(less, modulus.at, 256);
  less[255] -= 1;
  OK(sign_raw(session, MECHANISM(CKM_RSA_X_509), pair.private, less, 256, out, &size));
  ONE_OF(sign_raw(session, MECHANISM(CKM_RSA_X_509), pair.private, modulus.at, 256, out, &size), CKR_DATA_INVALID,
         CKR_DATA_LEN_RANGE);
  memset(less, 0xff, 256);
  ONE_OF(sign_raw(session, MECHANISM(CKM_RSA_X_509), pair.private, less, 256, out, &size), CKR_DATA_INVALID,
         CKR_DATA_LEN_RANGE);
  EXPECT(CKR_DATA_LEN_RANGE, sign_raw(session, MECHANISM(CKM_RSA_X_509), pair.private, data, 257, out, &size));
  /* Results that begin with zeros keep them. */
  EVP_PKEY *decrypting = software_key(session, other.public);
  memset(data, 0, sizeof data);
  data[200] = 9;
  struct bytes sealed = rsa_encrypt(decrypting, RSA_NO_PADDING, NULL, data, 256);
  size = sizeof out;
  OK(decrypt(session, MECHANISM(CKM_RSA_X_509), other.private, sealed.at, 256, &size));
  CHECK(size == 256 && memcmp(out, data, 256) == 0);
  size = sizeof out;
  ONE_OF(decrypt(session, MECHANISM(CKM_RSA_X_509), other.private, less, 256, &size), CKR_ENCRYPTED_DATA_INVALID,
         CKR_ENCRYPTED_DATA_LEN_RANGE);
}

TEST(leading_zero_signatures, "a signature that begins with a zero byte has all its bytes (6.1.6)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_rsa(session, 1024);
  EVP_PKEY *key = software_key(session, pair.public);
  for (CK_ULONG i = 0;; i++) {
    CHECK(i < 5000);
    CK_ULONG size = sizeof out;
    OK(sign_raw(session, MECHANISM(CKM_RSA_PKCS), pair.private, &i, sizeof i, out, &size));
    CHECK(size == 128);
    if (out[0] != 0) continue;
    CHECK(pkcs1_verifies(key, NULL, &i, sizeof i, out, size));
    OK(verify_raw(session, MECHANISM(CKM_RSA_PKCS), pair.public, &i, sizeof i, out, size));
    ONE_OF(verify_raw(session, MECHANISM(CKM_RSA_PKCS), pair.public, &i, sizeof i, out + 1, size - 1),
           CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID);
    break;
  }
}
