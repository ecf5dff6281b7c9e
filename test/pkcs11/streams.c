/* streams MODULE: data that is more than one request takes, and the limits of what cannot be chained. */

#include "checks.h"

static CK_BYTE iv[16] = {1, 2, 3};
static CK_AES_CTR_PARAMS counter = {128, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                          0xf0, 0xff, 0xfd}};

/* More than one request takes, in place too. */
static void check_large(void) {
  enum { SIZE = 2500000 };
  CK_OBJECT_HANDLE key = import_aes("2b7e151628aed2a6abf7158809cf4f3c");
  CK_MECHANISM mechanisms[] = {{CKM_AES_CTR, &counter, sizeof counter}, {CKM_AES_CBC, iv, 16}, {CKM_AES_CBC_PAD, iv, 16},
                               {CKM_AES_ECB, NULL, 0}};
  CK_BYTE *plain = malloc(SIZE), *whole = malloc(SIZE + 32), *parts = malloc(SIZE + 32);
  CHECK(plain != NULL && whole != NULL && parts != NULL);
  for (size_t i = 0; i < SIZE; i++) plain[i] = (CK_BYTE)(i * i >> 7);
  for (size_t i = 0; i < COUNT(mechanisms); i++) {
    CK_ULONG size = SIZE + 32, total = 0;
    OK(p11->C_EncryptInit(session, &mechanisms[i], key));
    OK(p11->C_Encrypt(session, plain, SIZE, whole, &size));
    CHECK(size == SIZE + (mechanisms[i].mechanism == CKM_AES_CBC_PAD ? 16 : 0));
    OK(p11->C_EncryptInit(session, &mechanisms[i], key));
    for (CK_ULONG at = 0; at < SIZE;) {
      CK_ULONG part = at == 0 ? 5 : SIZE - at < 1200001 ? SIZE - at : 1200001, made = SIZE + 32 - total;
      OK(p11->C_EncryptUpdate(session, plain + at, part, parts + total, &made));
      at += part;
      total += made;
    }
    CK_ULONG rest = 32;
    OK(p11->C_EncryptFinal(session, parts + total, &rest));
    CHECK(total + rest == size && memcmp(parts, whole, size) == 0);
    /* In place, with a part before that leaves an incomplete block. */
    OK(p11->C_DecryptInit(session, &mechanisms[i], key));
    CK_BYTE first[32];
    CK_ULONG made = sizeof first, more = SIZE + 32 - 21, last = 32;
    OK(p11->C_DecryptUpdate(session, whole, 21, first, &made));
    memcpy(parts, first, made);
    OK(p11->C_DecryptUpdate(session, whole + 21, size - 21, whole + 21, &more));
    memcpy(parts + made, whole + 21, more);
    OK(p11->C_DecryptFinal(session, parts + made + more, &last));
    CHECK(made + more + last == SIZE && memcmp(parts, plain, SIZE) == 0);
  }
  /* What cannot be chained has a limit. */
  CK_GCM_PARAMS gcm = {iv, 12, 96, NULL, 0, 128};
  CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
  CK_ULONG size = SIZE + 32;
  OK(p11->C_EncryptInit(session, &mechanism, key));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_Encrypt(session, plain, LIMIT_SIGN_INPUT + 1, whole, &size));
  OK(p11->C_EncryptInit(session, &mechanism, key));
  OK(p11->C_EncryptUpdate(session, plain, LIMIT_SIGN_INPUT, whole, &size));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_EncryptUpdate(session, plain, 1, whole, &size));
  OK(p11->C_EncryptInit(session, &mechanism, key));
  size = SIZE + 32;
  OK(p11->C_Encrypt(session, plain, LIMIT_SIGN_INPUT, whole, &size));
  CHECK(size == LIMIT_SIGN_INPUT + 16);
  OK(p11->C_DecryptInit(session, &mechanism, key));
  CK_ULONG opened = SIZE;
  OK(p11->C_Decrypt(session, whole, size, parts, &opened));
  CHECK(opened == LIMIT_SIGN_INPUT && memcmp(parts, plain, opened) == 0);
  /* A counter of 4 bits that begins with 0 ends after 16 blocks; it is an error to go on. */
  CK_AES_CTR_PARAMS narrow = {4, {[15] = 0xa0}};
  CK_MECHANISM short_counter = {CKM_AES_CTR, &narrow, sizeof narrow};
  OK(p11->C_EncryptInit(session, &short_counter, key));
  size = SIZE;
  OK(p11->C_EncryptUpdate(session, plain, 255, whole, &size));
  OK(p11->C_EncryptUpdate(session, plain, 1, whole, &size));
  size = SIZE;
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_EncryptUpdate(session, plain, 1, whole, &size));
  narrow.cb[15] = 0xad;
  OK(p11->C_EncryptInit(session, &short_counter, key));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_EncryptUpdate(session, plain, 49, whole, &size));
  OK(p11->C_EncryptInit(session, &short_counter, key));
  OK(p11->C_EncryptUpdate(session, plain, 48, whole, &size));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_EncryptUpdate(session, plain, 1, whole, &size));
  /* A query tells so as well. */
  OK(p11->C_EncryptInit(session, &short_counter, key));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_Encrypt(session, plain, 49, NULL, &size));
  OK(p11->C_DecryptInit(session, &short_counter, key));
  EXPECT(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(session, plain, 49, NULL, &size));
  OK(p11->C_DecryptInit(session, &short_counter, key));
  OK(p11->C_DecryptUpdate(session, plain, 48, NULL, &size));
  EXPECT(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_DecryptUpdate(session, plain, 49, NULL, &size));
  free(plain);
  free(whole);
  free(parts);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  check_large();
  OK(p11->C_Finalize(NULL));
  return 0;
}
