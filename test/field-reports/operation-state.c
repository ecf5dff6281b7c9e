/* operation-state: when an operation ends, and what is said when none is active (PKCS#11 5.1.6, 5.2, 5.8 to 5.15). */

#include "field.h"

static CK_BYTE data[64] = "sixteen bytes...sixteen bytes...", out[512], iv[16];

/* An operation begins again and is given up. */
static void begins_again(CK_SESSION_HANDLE session, CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE),
                         CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
  OK(init(session, mechanism, key));
  OK(init(session, NULL, 0));
}

TEST(failed_signature, "a signature that fails by bad arguments ends its operation (5.13.2)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair rsa = session_rsa(session, 2048);
  CK_MECHANISM *mechanism = MECHANISM(CKM_SHA256_RSA_PKCS);
  for (int row = 0; row < 5; row++) {
    CK_ULONG size = sizeof out;
    OK(p11->C_SignInit(session, mechanism, rsa.private));
    if (row == 0) EXPECT(CKR_ARGUMENTS_BAD, p11->C_Sign(session, NULL, 16, out, &size));
    if (row == 1) EXPECT(CKR_ARGUMENTS_BAD, p11->C_Sign(session, data, 16, out, NULL));
    if (row == 2) EXPECT(CKR_ARGUMENTS_BAD, p11->C_SignUpdate(session, NULL, 16));
    if (row == 3) EXPECT(CKR_ARGUMENTS_BAD, p11->C_SignFinal(session, out, NULL));
    if (row == 4) {
      OK(p11->C_SignUpdate(session, data, 16));
      EXPECT(CKR_ARGUMENTS_BAD, p11->C_SignFinal(session, out, NULL));
    }
    begins_again(session, p11->C_SignInit, mechanism, rsa.private);
  }
}

TEST(failed_verification, "a verification that fails by bad arguments ends its operation (5.15.2)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair rsa = session_rsa(session, 2048);
  CK_MECHANISM *mechanism = MECHANISM(CKM_SHA256_RSA_PKCS);
  for (int row = 0; row < 5; row++) {
    OK(p11->C_VerifyInit(session, mechanism, rsa.public));
    if (row == 0) EXPECT(CKR_ARGUMENTS_BAD, p11->C_Verify(session, NULL, 16, out, 256));
    if (row == 1) EXPECT(CKR_ARGUMENTS_BAD, p11->C_Verify(session, data, 16, NULL, 256));
    if (row == 2) EXPECT(CKR_ARGUMENTS_BAD, p11->C_VerifyUpdate(session, NULL, 16));
    if (row == 3) EXPECT(CKR_ARGUMENTS_BAD, p11->C_VerifyFinal(session, NULL, 256));
    if (row == 4) EXPECT(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(session, data, 16, out, 0));
    begins_again(session, p11->C_VerifyInit, mechanism, rsa.public);
  }
}

static CK_RV digest_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
  (void)key;
  return p11->C_DigestInit(session, mechanism);
}

TEST(failed_digest, "a digest that fails by bad arguments ends its operation (5.12)") {
  CK_SESSION_HANDLE session = start();
  for (int row = 0; row < 4; row++) {
    CK_ULONG size = sizeof out;
    OK(p11->C_DigestInit(session, MECHANISM(CKM_SHA256)));
    if (row == 0) EXPECT(CKR_ARGUMENTS_BAD, p11->C_Digest(session, NULL, 16, out, &size));
    if (row == 1) EXPECT(CKR_ARGUMENTS_BAD, p11->C_Digest(session, data, 16, out, NULL));
    if (row == 2) EXPECT(CKR_ARGUMENTS_BAD, p11->C_DigestUpdate(session, NULL, 16));
    if (row == 3) EXPECT(CKR_ARGUMENTS_BAD, p11->C_DigestFinal(session, out, NULL));
    begins_again(session, digest_init, MECHANISM(CKM_SHA256), 0);
  }
}

static CK_OBJECT_HANDLE aes_key(CK_SESSION_HANDLE session) {
  CK_ULONG length = 32;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, length), ATTRIBUTE(CKA_ENCRYPT, yes),
                             ATTRIBUTE(CKA_DECRYPT, yes)};
  CK_OBJECT_HANDLE key;
  OK(p11->C_GenerateKey(session, MECHANISM(CKM_AES_KEY_GEN), template, 3, &key));
  return key;
}

typedef CK_RV (*at_once)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
typedef CK_RV (*final)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);

static void check_cipher(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                         CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE), at_once one, at_once part,
                         final last) {
  CK_MECHANISM mechanism = {CKM_AES_CBC_PAD, iv, sizeof iv};
  for (int row = 0; row < 5; row++) {
    CK_ULONG size = 64;
    OK(init(session, &mechanism, key));
    if (row == 0) EXPECT(CKR_ARGUMENTS_BAD, one(session, NULL, 16, out, &size));
    if (row == 1) EXPECT(CKR_ARGUMENTS_BAD, one(session, data, 16, out, NULL));
    if (row == 2) EXPECT(CKR_ARGUMENTS_BAD, part(session, NULL, 16, out, &size));
    if (row == 3) EXPECT(CKR_ARGUMENTS_BAD, part(session, data, 16, out, NULL));
    if (row == 4) EXPECT(CKR_ARGUMENTS_BAD, last(session, out, NULL));
    begins_again(session, init, &mechanism, key);
  }
}

TEST(failed_encryption, "an encryption or decryption that fails by bad arguments ends its operation (5.8.2, 5.10.2)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_CBC_PAD);
  CK_OBJECT_HANDLE key = aes_key(session);
  check_cipher(session, key, p11->C_EncryptInit, p11->C_Encrypt, p11->C_EncryptUpdate, p11->C_EncryptFinal);
  check_cipher(session, key, p11->C_DecryptInit, p11->C_Decrypt, p11->C_DecryptUpdate, p11->C_DecryptFinal);
}

TEST(failed_decryption,
     "a decryption that fails by its data ends its operation; one with too small a buffer does not (5.10.2)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_CBC_PAD);
  CK_OBJECT_HANDLE key = aes_key(session);
  CK_MECHANISM mechanism = {CKM_AES_CBC_PAD, iv, sizeof iv};
  CK_BYTE sealed[64];
  CK_ULONG sealed_size = sizeof sealed, size = sizeof out;
  OK(p11->C_EncryptInit(session, &mechanism, key));
  OK(p11->C_Encrypt(session, data, 33, NULL, &sealed_size));
  CHECK(sealed_size == 48);
  sealed_size = 47;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Encrypt(session, data, 33, sealed, &sealed_size));
  CHECK(sealed_size == 48);
  OK(p11->C_Encrypt(session, data, 33, sealed, &sealed_size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Encrypt(session, data, 33, sealed, &sealed_size));
  OK(p11->C_DecryptInit(session, &mechanism, key));
  REFUSED(p11->C_Decrypt(session, sealed, 47, out, &size));
  OK(p11->C_DecryptInit(session, &mechanism, key));
  size = 1;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Decrypt(session, sealed, 48, out, &size));
  size = sizeof out;
  OK(p11->C_Decrypt(session, sealed, 48, out, &size));
  CHECK(size == 33 && memcmp(out, data, 33) == 0);
  begins_again(session, p11->C_DecryptInit, &mechanism, key);
}

/* Update may be refused; if not, the signature has to be right. In both cases the session goes on. */
static void check_parts(CK_SESSION_HANDLE session, struct key_pair pair, CK_MECHANISM *mechanism, CK_ULONG length) {
  CK_BYTE one[512];
  CK_ULONG size = sizeof out;
  OK(p11->C_SignInit(session, mechanism, pair.private));
  CK_RV rv = p11->C_SignUpdate(session, data, length / 2);
  if (rv == CKR_OK) {
    OK(p11->C_SignUpdate(session, data + length / 2, length - length / 2));
    OK(p11->C_SignFinal(session, out, &size));
    OK(verify_raw(session, mechanism, pair.public, data, length, out, size));
  } else {
    REFUSED(rv);
  }
  size = sizeof one;
  OK(sign_raw(session, mechanism, pair.private, data, length, one, &size));
  OK(p11->C_VerifyInit(session, mechanism, pair.public));
  rv = p11->C_VerifyUpdate(session, data, length);
  if (rv == CKR_OK) OK(p11->C_VerifyFinal(session, one, size));
  else REFUSED(rv);
  OK(verify_raw(session, mechanism, pair.public, data, length, one, size));
  if (mechanism->mechanism != CKM_ECDSA) return;
  EVP_PKEY *key = software_key(session, pair.public);
  CHECK(ecdsa_verifies(key, data, length, one, size));
}

TEST(parts_of_a_single_part,
     "mechanisms for single parts take several or refuse them, and never sign something else (6.3.12, 6.1.6)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair rsa = session_rsa(session, 2048);
  check_parts(session, session_p256(session), MECHANISM(CKM_ECDSA), 32);
  check_parts(session, rsa, MECHANISM(CKM_RSA_PKCS), 32);
  if (lists(CKM_RSA_X_509)) check_parts(session, rsa, MECHANISM(CKM_RSA_X_509), 32);
  CK_ULONG pss[] = {CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, pss, sizeof pss};
  if (lists(CKM_RSA_PKCS_PSS)) check_parts(session, rsa, &mechanism, 32);
}

TEST(one_shot_and_parts, "an operation that was begun in parts is not finished in one call (5.13.2)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair rsa = session_rsa(session, 2048);
  CK_ULONG size = sizeof out;
  OK(p11->C_SignInit(session, MECHANISM(CKM_SHA256_RSA_PKCS), rsa.private));
  OK(p11->C_SignUpdate(session, data, 10));
  ONE_OF(p11->C_Sign(session, data, 10, out, &size), CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE);
  ONE_OF(p11->C_SignFinal(session, out, &size), CKR_OK, CKR_OPERATION_NOT_INITIALIZED);
  begins_again(session, p11->C_SignInit, MECHANISM(CKM_SHA256_RSA_PKCS), rsa.private);
}

static void check_without_operation(CK_SESSION_HANDLE session, CK_RV expected) {
  CK_ULONG size = sizeof out, found;
  CK_OBJECT_HANDLE handle;
  EXPECT(expected, p11->C_Digest(session, data, 16, out, &size));
  EXPECT(expected, p11->C_DigestUpdate(session, data, 16));
  EXPECT(expected, p11->C_DigestFinal(session, out, &size));
  EXPECT(expected, p11->C_Sign(session, data, 16, out, &size));
  EXPECT(expected, p11->C_SignUpdate(session, data, 16));
  EXPECT(expected, p11->C_SignFinal(session, out, &size));
  EXPECT(expected, p11->C_Verify(session, data, 16, out, 64));
  EXPECT(expected, p11->C_VerifyUpdate(session, data, 16));
  EXPECT(expected, p11->C_VerifyFinal(session, out, 64));
  EXPECT(expected, p11->C_FindObjects(session, &handle, 1, &found));
  EXPECT(expected, p11->C_FindObjectsFinal(session));
}

TEST(nothing_initialized,
     "each part of an operation that was not begun says so; a wrong session goes first (5.1.6, 5.1.2)") {
  CK_SESSION_HANDLE session = start();
  check_without_operation(session, CKR_OPERATION_NOT_INITIALIZED);
  check_without_operation(session + 99, CKR_SESSION_HANDLE_INVALID);
  check_without_operation(0, CKR_SESSION_HANDLE_INVALID);
}

TEST(no_encryption_initialized, "each part of an encryption that was not begun says so (5.1.6)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_CBC);
  for (int i = 0; i < 2; i++) {
    CK_ULONG size = sizeof out;
    CK_SESSION_HANDLE asked = i == 0 ? session : session + 99;
    CK_RV expected = i == 0 ? CKR_OPERATION_NOT_INITIALIZED : CKR_SESSION_HANDLE_INVALID;
    EXPECT(expected, p11->C_Encrypt(asked, data, 16, out, &size));
    EXPECT(expected, p11->C_EncryptUpdate(asked, data, 16, out, &size));
    EXPECT(expected, p11->C_EncryptFinal(asked, out, &size));
    EXPECT(expected, p11->C_Decrypt(asked, data, 16, out, &size));
    EXPECT(expected, p11->C_DecryptUpdate(asked, data, 16, out, &size));
    EXPECT(expected, p11->C_DecryptFinal(asked, out, &size));
  }
}

TEST(output_buffers, "no output is written past the end of its buffer, and a length query changes nothing (5.2)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_p256(session), rsa = session_rsa(session, 2048);
  CK_BYTE *signature = canary(64), *large = canary(256), *digest = canary(32);
  for (CK_ULONG room = 0; room <= 64; room++) {
    CK_ULONG size = room;
    OK(p11->C_SignInit(session, MECHANISM(CKM_ECDSA_SHA256), pair.private));
    CK_RV rv = p11->C_Sign(session, data, 20, signature + 64 - room, &size);
    CHECK(size == 64 && rv == (room == 64 ? CKR_OK : CKR_BUFFER_TOO_SMALL));
    if (rv != CKR_OK) OK(p11->C_Sign(session, data, 20, signature, &size));
  }
  for (CK_ULONG room = 250; room <= 256; room++) {
    CK_ULONG size = room;
    OK(p11->C_SignInit(session, MECHANISM(CKM_SHA256_RSA_PKCS), rsa.private));
    OK(p11->C_SignUpdate(session, data, 20));
    CK_RV rv = p11->C_SignFinal(session, large + 256 - room, &size);
    CHECK(size == 256 && rv == (room == 256 ? CKR_OK : CKR_BUFFER_TOO_SMALL));
    if (rv != CKR_OK) OK(p11->C_SignFinal(session, large, &size));
  }
  for (CK_ULONG room = 0; room <= 32; room++) {
    CK_ULONG size = room;
    OK(p11->C_DigestInit(session, MECHANISM(CKM_SHA256)));
    CK_RV rv = p11->C_Digest(session, data, 20, digest + 32 - room, &size);
    CHECK(size == 32 && rv == (room == 32 ? CKR_OK : CKR_BUFFER_TOO_SMALL));
    if (rv != CKR_OK) OK(p11->C_Digest(session, data, 20, digest, &size));
  }
  check_canary(signature);
  check_canary(large);
  check_canary(digest);
}
