/* ciphers MODULE: AES in all modes, at once and in parts, with the buffers and the states of PKCS#11 5.8 to 5.11. */

#include "checks.h"

#define KEY "2b7e151628aed2a6abf7158809cf4f3c"
#define IV "000102030405060708090a0b0c0d0e0f"
#define PLAIN                                                                                                          \
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                                                   \
  "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"

static CK_BYTE iv[16];
static CK_AES_CTR_PARAMS counter = {128, {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc,
                                          0xfd, 0xfe, 0xff}};

typedef CK_RV (*init_function)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
typedef CK_RV (*crypt_function)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
typedef CK_RV (*final_function)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);

struct direction {
  init_function init;
  crypt_function once, update;
  final_function final;
};

static struct direction encrypting(void) {
  return (struct direction){p11->C_EncryptInit, p11->C_Encrypt, p11->C_EncryptUpdate, p11->C_EncryptFinal};
}

static struct direction decrypting(void) {
  return (struct direction){p11->C_DecryptInit, p11->C_Decrypt, p11->C_DecryptUpdate, p11->C_DecryptFinal};
}

/* Through parts of `step` bytes, each into a buffer of just the length that a query tells, or in place. */
static CK_ULONG in_parts(struct direction way, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const CK_BYTE *data,
                         CK_ULONG length, CK_ULONG step, CK_BYTE *output) {
  CK_ULONG total = 0, size;
  OK(way.init(session, mechanism, key));
  for (CK_ULONG at = 0; at < length; at += step) {
    CK_ULONG part = length - at < step ? length - at : step;
    size = 77777;
    OK(way.update(session, (CK_BYTE *)data + at, part, NULL, &size));
    CK_BYTE *exact = guarded(size);
    /* Of GCM and CCM nothing comes out before the end. */
    if (size > 0 && mechanism->mechanism != CKM_AES_GCM && mechanism->mechanism != CKM_AES_CCM) {
      CK_ULONG small = size - 1;
      EXPECT(CKR_BUFFER_TOO_SMALL, way.update(session, (CK_BYTE *)data + at, part, exact, &small));
      CHECK(small == size);
      check_untouched(exact, 0, size);
    }
    OK(way.update(session, (CK_BYTE *)data + at, part, exact, &size));
    check_untouched(exact, size, size);
    memcpy(output + total, exact, size);
    total += size;
  }
  OK(way.final(session, NULL, &size));
  CK_BYTE *rest = guarded(size);
  OK(way.final(session, rest, &size));
  check_untouched(rest, size, size);
  memcpy(output + total, rest, size);
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.final(session, rest, &size));
  return total + size;
}

static CK_ULONG at_once(struct direction way, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const CK_BYTE *data,
                        CK_ULONG length, CK_BYTE *output) {
  CK_ULONG size = 77777, small;
  OK(way.init(session, mechanism, key));
  OK(way.once(session, (CK_BYTE *)data, length, NULL, &size));
  CK_BYTE *exact = guarded(size);
  CK_ULONG real = size;
  OK(way.once(session, (CK_BYTE *)data, length, exact, &real));
  check_untouched(exact, real, size);
  if (real > 0) {
    /* A buffer that is one byte too small gets nothing, and the operation goes on. */
    CK_BYTE *exact_again = guarded(real);
    OK(way.init(session, mechanism, key));
    small = real - 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, way.once(session, (CK_BYTE *)data, length, exact_again, &small));
    CHECK(small == real);
    check_untouched(exact_again, 0, real);
    OK(way.once(session, (CK_BYTE *)data, length, exact_again, &small));
    CHECK(small == real && memcmp(exact, exact_again, real) == 0);
  }
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.once(session, (CK_BYTE *)data, length, exact, &size));
  memcpy(output, exact, real);
  return real;
}

/* A known answer, both ways, at once and in parts of many lengths. */
static void check_vector(CK_MECHANISM *mechanism, const char *key_value, const char *plain_text, const char *cipher_text) {
  CK_BYTE plain[256], cipher[256], output[512];
  CK_ULONG plain_length = unhex(plain_text, plain), cipher_length = unhex(cipher_text, cipher), size;
  CK_OBJECT_HANDLE key = import_aes(key_value);
  size = at_once(encrypting(), mechanism, key, plain, plain_length, output);
  check_hex(cipher_text, output, size);
  size = at_once(decrypting(), mechanism, key, cipher, cipher_length, output);
  check_hex(plain_text, output, size);
  for (CK_ULONG step = 1; step <= 64; step += step < 18 ? 5 : 23) {
    size = in_parts(encrypting(), mechanism, key, plain, plain_length, step, output);
    check_hex(cipher_text, output, size);
    size = in_parts(decrypting(), mechanism, key, cipher, cipher_length, step, output);
    check_hex(plain_text, output, size);
  }
  OK(p11->C_DestroyObject(session, key));
}

/* NIST SP 800-38A, appendix F; the padded answers follow from RFC 5652. */
static void check_block_modes(void) {
  CK_MECHANISM ecb = {CKM_AES_ECB, (void *)1, 0x80000000}, cbc = {CKM_AES_CBC, iv, 16};
  CK_MECHANISM ctr = {CKM_AES_CTR, &counter, sizeof counter}, padded = {CKM_AES_CBC_PAD, iv, 16};
  check_vector(&ecb, KEY, PLAIN,
               "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
               "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4");
  check_vector(&cbc, KEY, PLAIN,
               "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
               "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7");
  check_vector(&ctr, KEY, PLAIN,
               "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
               "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee");
  /* A stream of 37 bytes: the key stream goes on in the middle of a block. */
  check_vector(&ctr, KEY, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a3",
               "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edb");
  check_vector(&padded, KEY, PLAIN,
               "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
               "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
               "8cb82807230e1321d3fae00d18cc2012");
  CK_BYTE output[64];
  CK_OBJECT_HANDLE key = import_aes(KEY);
  /* Nothing at all is one block of padding, and the other way round. */
  CK_ULONG size = at_once(encrypting(), &padded, key, output, 0, output);
  CHECK(size == 16);
  CHECK(at_once(decrypting(), &padded, key, output, 16, output) == 0);
  CHECK(at_once(encrypting(), &ctr, key, output, 0, output) == 0);
  CHECK(at_once(encrypting(), &cbc, key, output, 0, output) == 0);
}

/* Test case 4 of McGrew and Viega; NIST SP 800-38C, example 1. */
static void check_authenticated(void) {
  CK_BYTE gcm_iv[12], aad[20], nonce[7], ccm_aad[8];
  unhex("cafebabefacedbaddecaf888", gcm_iv);
  unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
  unhex("10111213141516", nonce);
  unhex("0001020304050607", ccm_aad);
  CK_GCM_PARAMS gcm = {gcm_iv, 12, 96, aad, 20, 128};
  CK_GCM_PARAMS_SHORT brief = {gcm_iv, 12, aad, 20, 128};
  CK_CCM_PARAMS ccm = {4, nonce, 7, ccm_aad, 8, 4};
  CK_MECHANISM forms[] = {{CKM_AES_GCM, &gcm, sizeof gcm}, {CKM_AES_GCM, &brief, sizeof brief}};
  for (size_t i = 0; i < COUNT(forms); i++) {
    check_vector(&forms[i], "feffe9928665731c6d6a8f9467308308",
                 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                 "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
                 "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
                 "5bc94fbc3221a5db94fae95ae7121a47");
  }
  CK_MECHANISM mechanism = {CKM_AES_CCM, &ccm, sizeof ccm};
  check_vector(&mechanism, "404142434445464748494a4b4c4d4e4f", "20212223", "7162015b4dac255d");

  CK_OBJECT_HANDLE key = import_aes(KEY);
  CK_BYTE data[64] = {1}, sealed[80], opened[64];
  CK_ULONG size = sizeof sealed;
  OK(p11->C_EncryptInit(session, &forms[0], key));
  OK(p11->C_Encrypt(session, data, 64, sealed, &size));
  sealed[10] ^= 1;
  size = sizeof opened;
  memset(opened, 0x77, sizeof opened);
  OK(p11->C_DecryptInit(session, &forms[0], key));
  CK_RV rv = p11->C_Decrypt(session, sealed, 80, opened, &size);
  CHECK(rv == CKR_AEAD_DECRYPT_FAILED || rv == CKR_ENCRYPTED_DATA_INVALID);
  for (size_t i = 0; i < sizeof opened; i++) CHECK(opened[i] == 0x77);
  OK(p11->C_DecryptInit(session, &forms[0], key));
  EXPECT(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(session, sealed, 15, opened, &size));
  /* CCM knows the length of the data before it comes. */
  OK(p11->C_EncryptInit(session, &mechanism, key));
  size = sizeof sealed;
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_Encrypt(session, data, 5, sealed, &size));
}

static void check_parameters(void) {
  CK_OBJECT_HANDLE key = import_aes(KEY);
  CK_BYTE bytes[70000] = {0};
  CK_AES_CTR_PARAMS none = {0, {0}}, many = {129, {0}};
  CK_GCM_PARAMS gcm[] = {{bytes, 0, 0, NULL, 0, 128}, {NULL, 12, 96, NULL, 0, 128}, {bytes, 12, 96, NULL, 5, 128},
                         {bytes, 12, 96, NULL, 0, 120 + 1}, {bytes, 12, 96, NULL, 0, 136}, {bytes, 12, 96, NULL, 0, 8},
                         {bytes, 12, 96, bytes, 70000, 128}, {bytes, 257, 0, NULL, 0, 128}};
  CK_CCM_PARAMS ccm[] = {{4, bytes, 6, NULL, 0, 8}, {4, bytes, 14, NULL, 0, 8}, {4, bytes, 12, NULL, 0, 5},
                         {4, bytes, 12, NULL, 0, 18}, {4, NULL, 12, NULL, 0, 8}, {0x10000, bytes, 13, NULL, 0, 8},
                         {4, bytes, 12, NULL, 3, 8}};
  CK_MECHANISM bad[] = {{CKM_AES_CBC, NULL, 0},
                        {CKM_AES_CBC, iv, 15},
                        {CKM_AES_CBC, iv, 17},
                        {CKM_AES_CBC_PAD, NULL, 16},
                        {CKM_AES_CTR, iv, 16},
                        {CKM_AES_CTR, &none, sizeof none},
                        {CKM_AES_CTR, &many, sizeof many},
                        {CKM_AES_GCM, NULL, sizeof gcm[0]},
                        {CKM_AES_GCM, &gcm[1], 39},
                        {CKM_AES_CCM, &ccm[0], sizeof ccm[0] - 8}};
  for (size_t i = 0; i < COUNT(bad); i++)
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(session, &bad[i], key));
  for (size_t i = 0; i < COUNT(gcm); i++)
    EXPECT(CKR_MECHANISM_PARAM_INVALID,
           p11->C_DecryptInit(session, &(CK_MECHANISM){CKM_AES_GCM, &gcm[i], sizeof gcm[i]}, key));
  for (size_t i = 0; i < COUNT(ccm); i++)
    EXPECT(CKR_MECHANISM_PARAM_INVALID,
           p11->C_EncryptInit(session, &(CK_MECHANISM){CKM_AES_CCM, &ccm[i], sizeof ccm[i]}, key));
  EXPECT(CKR_MECHANISM_INVALID, p11->C_EncryptInit(session, &(CK_MECHANISM){CKM_SHA256, NULL, 0}, key));
  EXPECT(CKR_MECHANISM_INVALID, p11->C_EncryptInit(session, &(CK_MECHANISM){0x99999999, NULL, 0}, key));
  EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_EncryptInit(session, &(CK_MECHANISM){CKM_AES_ECB, NULL, 0}, 0));
  EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11->C_EncryptInit(session, &(CK_MECHANISM){CKM_RSA_PKCS, NULL, 0}, key));
}

static void check_states(struct direction way) {
  CK_OBJECT_HANDLE key = import_aes(KEY);
  CK_MECHANISM cbc = {CKM_AES_CBC, iv, 16}, padded = {CKM_AES_CBC_PAD, iv, 16};
  CK_BYTE data[64] = {0}, output[128];
  CK_ULONG size = sizeof output;
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.once(session, data, 16, output, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.update(session, data, 16, output, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.final(session, output, &size));
  EXPECT(CKR_SESSION_HANDLE_INVALID, way.final(session + 100, output, &size));
  EXPECT(CKR_ARGUMENTS_BAD, way.init(session, NULL, key));
  OK(way.init(session, &cbc, key));
  EXPECT(CKR_OPERATION_ACTIVE, way.init(session, &cbc, key));
  OK(way.init(session, NULL, 0));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.final(session, output, &size));
  /* Every error but a small buffer ends the operation. */
  for (int i = 0; i < 5; i++) {
    OK(way.init(session, &padded, key));
    CK_RV rv = i == 0   ? way.once(session, NULL, 16, output, &size)
               : i == 1 ? way.once(session, data, 16, output, NULL)
               : i == 2 ? way.update(session, NULL, 16, output, &size)
               : i == 3 ? way.update(session, data, 16, output, NULL)
                        : way.final(session, output, NULL);
    if (rv != CKR_ARGUMENTS_BAD) FAIL("row %d gives 0x%lx", i, rv);
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.final(session, output, &size));
  }
  /* Once and in parts do not mix. */
  OK(way.init(session, &cbc, key));
  OK(way.update(session, data, 16, output, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, way.once(session, data, 16, output, &size));
  OK(way.final(session, output, &size));
  CHECK(size == 0);
  /* A part of a block is left over. */
  OK(way.init(session, &cbc, key));
  size = sizeof output;
  OK(way.update(session, data, 17, output, &size));
  CHECK(size == 16);
  CK_RV rv = way.final(session, output, &size);
  CHECK(rv == CKR_DATA_LEN_RANGE || rv == CKR_ENCRYPTED_DATA_LEN_RANGE);
  /* An operation with a private object ends with its login; C_SessionCancel is checked with the other functions of 3.0. */
  OK(p11->C_DestroyObject(session, key));
}

/* A result that waits for a larger buffer is not the answer to other data, nor in the way of parts. */
static void check_kept_result(void) {
  CK_OBJECT_HANDLE key = import_aes(KEY);
  CK_MECHANISM padded = {CKM_AES_CBC_PAD, iv, 16};
  CK_BYTE plain[2][20] = {{1, 2, 3}, {4, 5, 6}}, sealed[2][32], opened[64];
  CK_ULONG size, rest;
  for (int i = 0; i < 2; i++) {
    size = 32;
    OK(p11->C_EncryptInit(session, &padded, key));
    OK(p11->C_Encrypt(session, plain[i], 20, sealed[i], &size));
  }
  OK(p11->C_DecryptInit(session, &padded, key));
  size = 19;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Decrypt(session, sealed[0], 32, opened, &size));
  size = sizeof opened;
  OK(p11->C_Decrypt(session, sealed[1], 32, opened, &size));
  CHECK(size == 20 && memcmp(opened, plain[1], 20) == 0);
  OK(p11->C_DecryptInit(session, &padded, key));
  size = 3;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Decrypt(session, sealed[0], 32, opened, &size));
  size = sizeof opened;
  OK(p11->C_DecryptUpdate(session, sealed[1], 32, opened, &size));
  CHECK(size == 16);
  rest = 3;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_DecryptFinal(session, opened + 16, &rest));
  CHECK(rest == 4);
  OK(p11->C_DecryptFinal(session, opened + 16, &rest));
  CHECK(rest == 4 && memcmp(opened, plain[1], 20) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  load_module(argv[1], 0);
  unhex(IV, iv);
  session = start();
  check_block_modes();
  check_authenticated();
  check_parameters();
  check_states(encrypting());
  check_states(decrypting());
  check_kept_result();
  OK(p11->C_Finalize(NULL));
  return 0;
}
