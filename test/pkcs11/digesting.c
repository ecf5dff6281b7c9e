/* digesting MODULE: all digests, keys in digests, saved states, and the calls that do two things at once. */

#include "checks.h"

/* FIPS 180-4 and FIPS 202 of "abc". */
static const struct {
  CK_MECHANISM_TYPE type;
  const char *abc;
} digests[] = {
    {CKM_MD5, "900150983cd24fb0d6963f7d28e17f72"},
    {CKM_SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {CKM_SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {CKM_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {CKM_SHA384,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {CKM_SHA512,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
     "2a9ac94fa54ca49f"},
    {CKM_SHA512_224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"},
    {CKM_SHA512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    {CKM_SHA3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"},
    {CKM_SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
    {CKM_SHA3_384,
     "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"},
    {CKM_SHA3_512,
     "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a5"
     "6592f8274eec53f0"},
};

/* The state of the running digest of "ab", damaged in many places, and gone on with in another session. */
static void check_state(size_t i) {
  CK_BYTE state[1024], digest[64];
  CK_ULONG state_size = 0, small, size = sizeof digest;
  OK(p11->C_GetOperationState(session, NULL, &state_size));
  small = state_size - 1;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetOperationState(session, state, &small));
  CHECK(small == state_size);
  OK(p11->C_GetOperationState(session, state, &state_size));
  CK_SESSION_HANDLE other = open_session();
  CK_BYTE damaged[1024];
  for (CK_ULONG at = 0; at < state_size; at += 7) {
    memcpy(damaged, state, state_size);
    damaged[at] ^= 0x20;
    EXPECT(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(other, damaged, state_size, 0, 0));
  }
  EXPECT(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(other, state, state_size - 1, 0, 0));
  EXPECT(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(other, state, 3, 0, 0));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_SetOperationState(other, NULL, state_size, 0, 0));
  EXPECT(CKR_KEY_NOT_NEEDED, p11->C_SetOperationState(other, state, state_size, 1, 0));
  OK(p11->C_SetOperationState(other, state, state_size, 0, 0));
  OK(p11->C_DigestUpdate(other, (CK_BYTE *)"c", 1));
  OK(p11->C_DigestFinal(other, digest, &size));
  check_hex(digests[i].abc, digest, size);
  OK(p11->C_CloseSession(other));
}

/* A digest whose data is its state is saved up to 64 KiB of it. */
static void check_long_state(void) {
  static CK_BYTE data[65536];
  CK_ULONG size = 0;
  CK_BYTE digest[64];
  OK(p11->C_DigestInit(session, &(CK_MECHANISM){CKM_SHA3_256, NULL, 0}));
  OK(p11->C_DigestUpdate(session, data, sizeof data));
  OK(p11->C_GetOperationState(session, NULL, &size));
  OK(p11->C_DigestUpdate(session, data, 1));
  EXPECT(CKR_STATE_UNSAVEABLE, p11->C_GetOperationState(session, NULL, &size));
  size = sizeof digest;
  OK(p11->C_DigestFinal(session, digest, &size));
  OK(p11->C_DigestInit(session, &(CK_MECHANISM){CKM_SHA256, NULL, 0}));
  for (int part = 0; part < 3; part++) OK(p11->C_DigestUpdate(session, data, sizeof data));
  OK(p11->C_GetOperationState(session, NULL, &size));
  CHECK(size < 1000);
  OK(p11->C_DigestInit(session, NULL));
}

static void check_one(size_t i) {
  CK_MECHANISM mechanism = {digests[i].type, (void *)1, 0x80000000};
  CK_ULONG wanted = strlen(digests[i].abc) / 2, size = 0, small = wanted - 1;
  CK_BYTE *exact = guarded(wanted);
  OK(p11->C_DigestInit(session, &mechanism));
  EXPECT(CKR_OPERATION_ACTIVE, p11->C_DigestInit(session, &mechanism));
  OK(p11->C_Digest(session, (CK_BYTE *)"abc", 3, NULL, &size));
  CHECK(size == wanted);
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Digest(session, (CK_BYTE *)"abc", 3, exact, &small));
  CHECK(small == wanted);
  check_untouched(exact, 0, wanted);
  OK(p11->C_Digest(session, (CK_BYTE *)"abc", 3, exact, &size));
  check_hex(digests[i].abc, exact, size);
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Digest(session, (CK_BYTE *)"abc", 3, exact, &size));
  /* In parts, and in place of a saved state. */
  OK(p11->C_DigestInit(session, &mechanism));
  OK(p11->C_DigestUpdate(session, (CK_BYTE *)"ab", 2));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Digest(session, (CK_BYTE *)"abc", 3, exact, &size));
  check_state(i);
  OK(p11->C_DigestUpdate(session, (CK_BYTE *)"c", 1));
  OK(p11->C_DigestFinal(session, exact, &size));
  check_hex(digests[i].abc, exact, size);
  /* Errors end it. */
  OK(p11->C_DigestInit(session, &mechanism));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_DigestUpdate(session, NULL, 1));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestFinal(session, exact, &size));
  OK(p11->C_DigestInit(session, &mechanism));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_DigestFinal(session, exact, NULL));
  OK(p11->C_DigestInit(session, &mechanism));
  OK(p11->C_DigestInit(session, NULL));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_DigestInit(session, NULL));
}

/* Long data, cut in many ways, against one piece. */
static void check_cuts(size_t i) {
  CK_MECHANISM mechanism = {digests[i].type, NULL, 0};
  static CK_BYTE data[5000];
  CK_BYTE whole[64], parts[64];
  CK_ULONG size = sizeof whole;
  for (size_t at = 0; at < sizeof data; at++) data[at] = (CK_BYTE)(at * 7);
  OK(p11->C_DigestInit(session, &mechanism));
  OK(p11->C_Digest(session, data, sizeof data, whole, &size));
  for (CK_ULONG step = 1; step < 200; step += 61) {
    OK(p11->C_DigestInit(session, &mechanism));
    for (CK_ULONG at = 0; at < sizeof data; at += step)
      OK(p11->C_DigestUpdate(session, data + at, sizeof data - at < step ? sizeof data - at : step));
    OK(p11->C_DigestFinal(session, parts, &size));
    CHECK(memcmp(whole, parts, size) == 0);
  }
}

static void check_digest_key(void) {
  CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
  CK_BYTE digest[32], state[64];
  CK_ULONG size = sizeof digest;
  CK_OBJECT_HANDLE key = import_secret(CKK_GENERIC_SECRET, (CK_BYTE *)"abc", 3, NULL, 0), sensitive;
  CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_VALUE_LEN, &size, sizeof size}};
  OK(p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_GENERIC_SECRET_KEY_GEN, NULL, 0}, template, 3, &sensitive));
  OK(p11->C_DigestInit(session, &mechanism));
  OK(p11->C_DigestKey(session, key));
  OK(p11->C_DigestFinal(session, digest, &size));
  check_hex(digests[3].abc, digest, size);
  OK(p11->C_DigestInit(session, &mechanism));
  EXPECT(CKR_KEY_INDIGESTIBLE, p11->C_DigestKey(session, sensitive));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestFinal(session, digest, &size));
  OK(p11->C_DigestInit(session, &mechanism));
  EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_DigestKey(session, 987654));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestKey(session, key));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_GetOperationState(session, state, &size));
}

/* Plaintext and digest, signature or verification in one go, in place. */
static void check_dual(void) {
  CK_BYTE iv[16] = {9}, data[80], work[96], digest[32], again[32], mac[32];
  CK_MECHANISM cbc = {CKM_AES_CBC_PAD, iv, 16}, sha = {CKM_SHA256, NULL, 0}, hmac = {CKM_SHA256_HMAC, NULL, 0};
  CK_OBJECT_HANDLE key = import_aes("000102030405060708090a0b0c0d0e0f");
  CK_ATTRIBUTE usage[] = {{CKA_SIGN, &yes, 1}, {CKA_VERIFY, &yes, 1}};
  CK_OBJECT_HANDLE mac_key = import_secret(CKK_GENERIC_SECRET, (CK_BYTE *)"0123456789abcdef", 16, usage, 2);
  CK_ULONG size, rest, length = sizeof digest;
  for (size_t i = 0; i < sizeof data; i++) data[i] = (CK_BYTE)i;
  OK(p11->C_DigestInit(session, &sha));
  OK(p11->C_Digest(session, data, sizeof data, digest, &length));

  size = sizeof work;
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestEncryptUpdate(session, work, 80, work, &size));
  OK(p11->C_EncryptInit(session, &cbc, key));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestEncryptUpdate(session, work, 80, work, &size));
  OK(p11->C_DigestInit(session, &sha));
  memcpy(work, data, sizeof data);
  OK(p11->C_DigestEncryptUpdate(session, work, 80, NULL, &size));
  CHECK(size == 80);
  size = 79;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_DigestEncryptUpdate(session, work, 80, work, &size));
  OK(p11->C_DigestEncryptUpdate(session, work, 80, work, &size));
  rest = 16;
  OK(p11->C_EncryptFinal(session, work + size, &rest));
  OK(p11->C_DigestFinal(session, again, &length));
  CHECK(size + rest == 96 && memcmp(digest, again, 32) == 0);

  OK(p11->C_DecryptInit(session, &cbc, key));
  OK(p11->C_DigestInit(session, &sha));
  CK_BYTE opened[96];
  size = sizeof opened;
  OK(p11->C_DecryptDigestUpdate(session, work, 96, opened, &size));
  CHECK(size == 80);
  rest = 16;
  OK(p11->C_DecryptFinal(session, opened + size, &rest));
  CHECK(rest == 0 && memcmp(opened, data, 80) == 0);
  OK(p11->C_DigestFinal(session, again, &length));
  CHECK(memcmp(digest, again, 32) == 0);

  OK(p11->C_SignInit(session, &hmac, mac_key));
  OK(p11->C_EncryptInit(session, &cbc, key));
  memcpy(work, data, sizeof data);
  size = sizeof work;
  OK(p11->C_SignEncryptUpdate(session, work, 80, work, &size));
  rest = 16;
  OK(p11->C_EncryptFinal(session, work + size, &rest));
  OK(p11->C_SignFinal(session, mac, &length));

  OK(p11->C_VerifyInit(session, &hmac, mac_key));
  OK(p11->C_DecryptInit(session, &cbc, key));
  size = sizeof opened;
  OK(p11->C_DecryptVerifyUpdate(session, work, 96, opened, &size));
  OK(p11->C_DecryptFinal(session, opened + size, &rest));
  OK(p11->C_VerifyFinal(session, mac, 32));
  /* An error ends both. */
  OK(p11->C_DigestInit(session, &sha));
  OK(p11->C_EncryptInit(session, &cbc, key));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_DigestEncryptUpdate(session, NULL, 80, work, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestFinal(session, again, &length));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_EncryptFinal(session, work, &length));
  /* A state with an operation beside it cannot be saved. */
  OK(p11->C_DigestInit(session, &sha));
  OK(p11->C_EncryptInit(session, &cbc, key));
  EXPECT(CKR_STATE_UNSAVEABLE, p11->C_GetOperationState(session, NULL, &size));
  OK(p11->C_EncryptInit(session, NULL, 0));
  OK(p11->C_GetOperationState(session, NULL, &size));
  OK(p11->C_DigestInit(session, NULL));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  load_module(argv[1], 0);
  session = start();
  for (size_t i = 0; i < COUNT(digests); i++) {
    check_one(i);
    check_cuts(i);
  }
  check_long_state();
  check_digest_key();
  check_dual();
  OK(p11->C_Finalize(NULL));
  return 0;
}
