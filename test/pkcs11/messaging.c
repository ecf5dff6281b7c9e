/* messaging MODULE: message-based encryption with AES-GCM and AES-CCM (PKCS#11 3.0), its IV generators, C_SessionCancel. */

#include "checks.h"

static CK_BYTE aad[20], plain[60], iv[12], tag[16];

static CK_GCM_MESSAGE_PARAMS gcm(CK_ULONG fixed, CK_ULONG generator) {
  return (CK_GCM_MESSAGE_PARAMS){iv, 12, fixed, generator, tag, 128};
}

/* Test case 4 of McGrew and Viega, at once and in parts. */
static void check_vector(void) {
  CK_OBJECT_HANDLE key = import_aes("feffe9928665731c6d6a8f9467308308");
  CK_MECHANISM mechanism = {CKM_AES_GCM, NULL, 0};
  CK_BYTE *exact = guarded(60), opened[60];
  CK_ULONG size = 0;
  const char *cipher = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
                       "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091";
  unhex("cafebabefacedbaddecaf888", iv);
  unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
  unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        "b16aedf5aa0de657ba637b39", plain);
  CK_GCM_MESSAGE_PARAMS params = gcm(0, CKG_NO_GENERATE);
  EXPECT(CKR_OPERATION_NOT_INITIALIZED,
         p32->C_EncryptMessage(session, &params, sizeof params, aad, 20, plain, 60, exact, &size));
  OK(p32->C_MessageEncryptInit(session, &mechanism, key));
  EXPECT(CKR_OPERATION_ACTIVE, p32->C_MessageEncryptInit(session, &mechanism, key));
  OK(p32->C_EncryptMessage(session, &params, sizeof params, aad, 20, plain, 60, NULL, &size));
  CHECK(size == 60);
  size = 59;
  EXPECT(CKR_BUFFER_TOO_SMALL,
         p32->C_EncryptMessage(session, &params, sizeof params, aad, 20, plain, 60, exact, &size));
  OK(p32->C_EncryptMessage(session, &params, sizeof params, aad, 20, plain, 60, exact, &size));
  check_hex(cipher, exact, size);
  check_hex("5bc94fbc3221a5db94fae95ae7121a47", tag, 16);
  memset(tag, 0, sizeof tag);
  /* In parts. */
  EXPECT(CKR_OPERATION_NOT_INITIALIZED,
         p32->C_EncryptMessageNext(session, &params, sizeof params, plain, 7, exact, &size, 0));
  OK(p32->C_EncryptMessageBegin(session, &params, sizeof params, aad, 20));
  EXPECT(CKR_OPERATION_ACTIVE,
         p32->C_EncryptMessage(session, &params, sizeof params, aad, 20, plain, 60, exact, &size));
  EXPECT(CKR_OPERATION_ACTIVE, p32->C_EncryptMessageBegin(session, &params, sizeof params, aad, 20));
  /* A query takes no data. */
  OK(p32->C_EncryptMessageNext(session, &params, sizeof params, plain, 7, NULL, &size, 0));
  CHECK(size == 7);
  OK(p32->C_EncryptMessageNext(session, &params, sizeof params, plain, 7, opened, &size, 0));
  CHECK(size == 0);
  size = 59;
  EXPECT(CKR_BUFFER_TOO_SMALL, p32->C_EncryptMessageNext(session, &params, sizeof params, plain + 7, 53, exact, &size,
                                                         CKF_END_OF_MESSAGE));
  CHECK(size == 60);
  OK(p32->C_EncryptMessageNext(session, &params, sizeof params, plain + 7, 53, exact, &size, CKF_END_OF_MESSAGE));
  check_hex(cipher, exact, size);
  check_hex("5bc94fbc3221a5db94fae95ae7121a47", tag, 16);
  OK(p32->C_MessageEncryptFinal(session));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p32->C_MessageEncryptFinal(session));

  OK(p32->C_MessageDecryptInit(session, &mechanism, key));
  OK(p32->C_DecryptMessage(session, &params, sizeof params, aad, 20, exact, 60, opened, &size));
  CHECK(size == 60 && memcmp(opened, plain, 60) == 0);
  OK(p32->C_DecryptMessageBegin(session, &params, sizeof params, aad, 20));
  OK(p32->C_DecryptMessageNext(session, &params, sizeof params, exact, 59, opened, &size, 0));
  size = 60;
  OK(p32->C_DecryptMessageNext(session, &params, sizeof params, exact + 59, 1, opened, &size, CKF_END_OF_MESSAGE));
  CHECK(size == 60 && memcmp(opened, plain, 60) == 0);
  /* A wrong tag, wrong associated data: no plaintext, and the next message is served. */
  memset(opened, 0x55, sizeof opened);
  tag[3] ^= 1;
  EXPECT(CKR_AEAD_DECRYPT_FAILED,
         p32->C_DecryptMessage(session, &params, sizeof params, aad, 20, exact, 60, opened, &size));
  tag[3] ^= 1;
  EXPECT(CKR_AEAD_DECRYPT_FAILED,
         p32->C_DecryptMessage(session, &params, sizeof params, aad, 19, exact, 60, opened, &size));
  for (size_t i = 0; i < sizeof opened; i++) CHECK(opened[i] == 0x55);
  OK(p32->C_DecryptMessage(session, &params, sizeof params, aad, 20, exact, 60, opened, &size));
  OK(p32->C_MessageDecryptFinal(session));
}

/* Encrypts, and decrypts what came with the IV that came. */
static void check_message(CK_GCM_MESSAGE_PARAMS *params) {
  CK_BYTE sealed[60], opened[60];
  CK_ULONG size = sizeof sealed;
  OK(p32->C_EncryptMessage(session, params, sizeof *params, aad, 20, plain, 60, sealed, &size));
  OK(p32->C_DecryptMessage(session, params, sizeof *params, aad, 20, sealed, 60, opened, &size));
  CHECK(memcmp(opened, plain, 60) == 0);
}

static void check_generators(void) {
  CK_OBJECT_HANDLE key = import_aes("feffe9928665731c6d6a8f9467308308");
  CK_MECHANISM mechanism = {CKM_AES_GCM, NULL, 0};
  CK_BYTE before[12], first[12];
  OK(p32->C_MessageDecryptInit(session, &mechanism, key));
  /* A counter behind 4 fixed bytes. */
  OK(p32->C_MessageEncryptInit(session, &mechanism, key));
  CK_GCM_MESSAGE_PARAMS params = gcm(32, CKG_GENERATE_COUNTER);
  memcpy(iv, "\x11\x22\x33\x44rubbish!", 12);
  for (int i = 0; i < 300; i += 1 + 30 * (i > 3)) {
    check_message(&params);
    CHECK(memcmp(iv, "\x11\x22\x33\x44\0\0\0\0\0\0\0", 11) == 0);
    CHECK(iv[11] == (i <= 3 ? i : 4 + (i - 4) / 31));
  }
  OK(p32->C_MessageEncryptFinal(session));
  /* A counter that is added to the whole IV, as TLS 1.3 does. */
  OK(p32->C_MessageEncryptInit(session, &mechanism, key));
  params = gcm(0, CKG_GENERATE_COUNTER_XOR);
  memcpy(before, "ABCDEFGHIJKL", 12);
  for (CK_BYTE i = 0; i < 5; i++) {
    memcpy(iv, before, 12);
    check_message(&params);
    CHECK(memcmp(iv, before, 11) == 0 && iv[11] == (before[11] ^ i));
  }
  OK(p32->C_MessageEncryptFinal(session));
  /* Random bits behind 12 fixed ones. */
  OK(p32->C_MessageEncryptInit(session, &mechanism, key));
  for (CK_ULONG generator = CKG_GENERATE; generator <= CKG_GENERATE_RANDOM; generator += 2) {
    params = gcm(12, generator);
    memset(iv, 0xff, 12);
    check_message(&params);
    memcpy(first, iv, 12);
    check_message(&params);
    CHECK(iv[0] == 0xff && (iv[1] & 0xf0) == 0xf0 && memcmp(iv, first, 12) != 0);
  }
  /* Four free bits count to sixteen. */
  OK(p32->C_MessageEncryptFinal(session));
  OK(p32->C_MessageEncryptInit(session, &mechanism, key));
  params = gcm(92, CKG_GENERATE_COUNTER);
  for (int i = 0; i < 16; i++) check_message(&params);
  CK_BYTE sealed[60];
  CK_ULONG size = sizeof sealed;
  EXPECT(CKR_KEY_EXHAUSTED,
         p32->C_EncryptMessage(session, &params, sizeof params, aad, 20, plain, 60, sealed, &size));

  CK_GCM_MESSAGE_PARAMS bad[] = {{NULL, 12, 0, 0, tag, 128}, {iv, 12, 97, 0, tag, 128}, {iv, 12, 0, 5, tag, 128},
                                 {iv, 12, 0, 0, NULL, 128}, {iv, 12, 0, 0, tag, 127}, {iv, 0, 0, 0, tag, 128},
                                 {iv, 12, 96, CKG_GENERATE_COUNTER, tag, 128}, {iv, 300, 0, 0, tag, 128}};
  for (size_t i = 0; i < COUNT(bad); i++)
    EXPECT(CKR_MECHANISM_PARAM_INVALID,
           p32->C_EncryptMessage(session, &bad[i], sizeof bad[i], aad, 20, plain, 60, sealed, &size));
  EXPECT(CKR_MECHANISM_PARAM_INVALID,
         p32->C_EncryptMessage(session, &params, sizeof params - 1, aad, 20, plain, 60, sealed, &size));
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p32->C_EncryptMessage(session, NULL, 0, aad, 20, plain, 60, sealed, &size));
  OK(p32->C_SessionCancel(session, CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p32->C_MessageEncryptFinal(session));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p32->C_MessageDecryptFinal(session));
  EXPECT(CKR_MECHANISM_INVALID,
         p32->C_MessageEncryptInit(session, &(CK_MECHANISM){CKM_AES_CBC, iv, 16}, key));
}

static void check_ccm(void) {
  CK_OBJECT_HANDLE key = import_aes("404142434445464748494a4b4c4d4e4f");
  CK_BYTE nonce[7], mac[4], data[4], header[8], sealed[4], opened[4];
  CK_CCM_MESSAGE_PARAMS params = {4, nonce, 7, 0, CKG_NO_GENERATE, mac, 4};
  CK_MECHANISM mechanism = {CKM_AES_CCM, NULL, 0};
  CK_ULONG size = 4;
  unhex("10111213141516", nonce);
  unhex("20212223", data);
  unhex("0001020304050607", header);
  OK(p32->C_MessageEncryptInit(session, &mechanism, key));
  OK(p32->C_EncryptMessage(session, &params, sizeof params, header, 8, data, 4, sealed, &size));
  check_hex("7162015b", sealed, 4);
  check_hex("4dac255d", mac, 4);
  OK(p32->C_MessageEncryptFinal(session));
  OK(p32->C_MessageDecryptInit(session, &mechanism, key));
  OK(p32->C_DecryptMessage(session, &params, sizeof params, header, 8, sealed, 4, opened, &size));
  CHECK(memcmp(opened, data, 4) == 0);
  OK(p32->C_MessageDecryptFinal(session));
}

/* C_SessionCancel ends what it names and nothing else. */
static void check_cancel(void) {
  CK_OBJECT_HANDLE key = import_aes("404142434445464748494a4b4c4d4e4f");
  CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, cmac = {CKM_AES_CMAC, NULL, 0}, sha = {CKM_SHA256, NULL, 0};
  CK_ULONG size = 60;
  CK_BYTE output[60];
  for (int round = 0; round < 6; round++) {
    static const CK_FLAGS flags[] = {CKF_ENCRYPT, CKF_DECRYPT, CKF_SIGN, CKF_VERIFY, CKF_DIGEST, CKF_FIND_OBJECTS};
    OK(p11->C_EncryptInit(session, &ecb, key));
    OK(p11->C_DecryptInit(session, &ecb, key));
    OK(p11->C_SignInit(session, &cmac, key));
    OK(p11->C_VerifyInit(session, &cmac, key));
    OK(p11->C_DigestInit(session, &sha));
    OK(p11->C_FindObjectsInit(session, NULL, 0));
    OK(p32->C_SessionCancel(session, flags[round]));
    CK_OBJECT_HANDLE found;
    CK_ULONG got;
    EXPECT(round == 0 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK, p11->C_EncryptFinal(session, output, &size));
    EXPECT(round == 1 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK, p11->C_DecryptFinal(session, output, &size));
    size = sizeof output;
    EXPECT(round == 2 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK, p11->C_SignFinal(session, output, &size));
    EXPECT(round == 3 ? CKR_OPERATION_NOT_INITIALIZED : CKR_SIGNATURE_LEN_RANGE, p11->C_VerifyFinal(session, output, 1));
    size = sizeof output;
    EXPECT(round == 4 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK, p11->C_DigestFinal(session, output, &size));
    EXPECT(round == 5 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK, p11->C_FindObjects(session, &found, 1, &got));
    OK(p32->C_SessionCancel(session, CKF_FIND_OBJECTS));
    size = sizeof output;
  }
  EXPECT(CKR_SESSION_HANDLE_INVALID, p32->C_SessionCancel(session + 100, CKF_SIGN));
}

static void check_small_functions(void) {
  CK_INFO info;
  OK(p11->C_GetInfo(&info));
  CHECK(info.cryptokiVersion.major == 2 && info.cryptokiVersion.minor == 40);
  OK(p32->C_GetInfo(&info));
  CHECK(info.cryptokiVersion.major == 3 && info.cryptokiVersion.minor == 2 && info.flags == 0);
  EXPECT(CKR_ARGUMENTS_BAD, p32->C_GetInfo(NULL));
  CK_FLAGS flags = 77;
  CK_ULONG number;
  CK_ASYNC_DATA async;
  OK(p32->C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &flags));
  CHECK(flags == 0);
  EXPECT(CKR_ARGUMENTS_BAD, p32->C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, NULL));
  EXPECT(CKR_ARGUMENTS_BAD, p32->C_GetSessionValidationFlags(session, 2, &flags));
  EXPECT(CKR_FUNCTION_NOT_SUPPORTED, p32->C_AsyncComplete(session, NULL, &async));
  EXPECT(CKR_FUNCTION_NOT_SUPPORTED, p32->C_AsyncGetID(session, NULL, &number));
  EXPECT(CKR_FUNCTION_NOT_SUPPORTED, p32->C_AsyncJoin(session, NULL, 0, NULL, 0));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  check_vector();
  check_generators();
  check_ccm();
  check_cancel();
  check_small_functions();
  OK(p11->C_Finalize(NULL));
  return 0;
}
