/*
 * chains MODULE: encrypts and decrypts in chunks and at once, with queries and small buffers between. The test counts the
 * requests, and cuts connections under them.
 */

#include "checks.h"

enum { SIZE = 400 };

static CK_BYTE data[SIZE], sealed[SIZE + 32], opened[SIZE + 32], iv[16] = {3};

/* Three parts, the last one incomplete: three requests, or one if the mechanism is not chained. */
static CK_ULONG encrypt_in_parts(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, CK_ULONG length) {
  CK_ULONG at = 0, total = 0, size;
  OK(p11->C_EncryptInit(session, mechanism, key));
  for (int i = 0; i < 3; i++) {
    CK_ULONG part = i < 2 ? 137 : length - 274;
    OK(p11->C_EncryptUpdate(session, data + at, part, NULL, &size));
    size = sizeof sealed - total;
    OK(p11->C_EncryptUpdate(session, data + at, part, sealed + total, &size));
    at += part;
    total += size;
  }
  OK(p11->C_EncryptFinal(session, NULL, &size));
  size = sizeof sealed - total;
  OK(p11->C_EncryptFinal(session, sealed + total, &size));
  return total + size;
}

/* At once, after a query and with a buffer that is too small: one request. */
static void decrypt(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, CK_ULONG sealed_length, CK_ULONG length) {
  CK_ULONG size = 0;
  OK(p11->C_DecryptInit(session, mechanism, key));
  OK(p11->C_Decrypt(session, sealed, sealed_length, NULL, &size));
  size = length - 1;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Decrypt(session, sealed, sealed_length, opened, &size));
  CHECK(size == length);
  OK(p11->C_Decrypt(session, sealed, sealed_length, opened, &size));
  CHECK(size == length && memcmp(opened, data, length) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  for (size_t i = 0; i < SIZE; i++) data[i] = (CK_BYTE)(i * 5);
  CK_ULONG length = 32;
  CK_OBJECT_HANDLE key;
  CK_ATTRIBUTE template[] = {{CKA_TOKEN, &yes, 1}, {CKA_VALUE_LEN, &length, sizeof length}};
  OK(p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_AES_KEY_GEN, NULL, 0}, template, 2, &key));
  CK_AES_CTR_PARAMS counter = {64, {9}};
  CK_GCM_PARAMS gcm = {iv, 12, 96, data, 20, 128};
  CK_MECHANISM ctr = {CKM_AES_CTR, &counter, sizeof counter}, cbc = {CKM_AES_CBC, iv, 16};
  CK_MECHANISM padded = {CKM_AES_CBC_PAD, iv, 16}, aead = {CKM_AES_GCM, &gcm, sizeof gcm};
  decrypt(&ctr, key, encrypt_in_parts(&ctr, key, SIZE), SIZE);
  decrypt(&cbc, key, encrypt_in_parts(&cbc, key, SIZE), SIZE);
  /* One request more for the block with the padding. */
  decrypt(&padded, key, encrypt_in_parts(&padded, key, SIZE - 3), SIZE - 3);
  decrypt(&aead, key, encrypt_in_parts(&aead, key, SIZE), SIZE);
  OK(p11->C_Finalize(NULL));
  return 0;
}
