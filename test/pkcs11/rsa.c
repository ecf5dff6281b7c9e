/* rsa MODULE PIN: RSA encryption in all paddings, and keys that want the PIN for each use. */

#include "checks.h"

static CK_BYTE data[512];

/* Encrypts and decrypts, with buffers of just the right length. */
static void round_trip(struct key_pair pair, CK_MECHANISM mechanism, CK_ULONG length, CK_ULONG back) {
  CK_ULONG size = 0, opened_size = 0;
  CK_BYTE *sealed = guarded(256), *opened = guarded(back);
  OK(p11->C_EncryptInit(session, &mechanism, pair.public));
  OK(p11->C_Encrypt(session, data, length, NULL, &size));
  CHECK(size == 256);
  size = 255;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Encrypt(session, data, length, sealed, &size));
  check_untouched(sealed, 0, 256);
  OK(p11->C_Encrypt(session, data, length, sealed, &size));
  CHECK(size == 256);
  OK(p11->C_DecryptInit(session, &mechanism, pair.private));
  OK(p11->C_Decrypt(session, sealed, 256, NULL, &opened_size));
  CHECK(opened_size >= back && opened_size <= 256);
  if (back > 0) {
    opened_size = back - 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Decrypt(session, sealed, 256, opened, &opened_size));
    CHECK(opened_size == back);
    check_untouched(opened, 0, back);
  }
  OK(p11->C_Decrypt(session, sealed, 256, opened, &opened_size));
  CHECK(opened_size == back && memcmp(opened + back - length, data, length) == 0);
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Decrypt(session, sealed, 256, opened, &opened_size));
  /* In parts. */
  OK(p11->C_DecryptInit(session, &mechanism, pair.private));
  CK_BYTE parts[256];
  opened_size = sizeof parts;
  OK(p11->C_DecryptUpdate(session, sealed, 100, parts, &opened_size));
  CHECK(opened_size == 0);
  opened_size = sizeof parts;
  OK(p11->C_DecryptUpdate(session, sealed + 100, 156, parts, &opened_size));
  opened_size = sizeof parts;
  OK(p11->C_DecryptFinal(session, parts, &opened_size));
  CHECK(opened_size == back && memcmp(parts, opened, back) == 0);
}

static void check_encryption(void) {
  static const struct {
    CK_MECHANISM_TYPE hash;
    CK_ULONG mgf, length;
  } hashes[] = {{CKM_SHA_1, CKG_MGF1_SHA1, 20},         {CKM_SHA224, CKG_MGF1_SHA224, 28},
                {CKM_SHA256, CKG_MGF1_SHA256, 32},      {CKM_SHA384, CKG_MGF1_SHA384, 48},
                {CKM_SHA512, CKG_MGF1_SHA512, 64},      {CKM_SHA3_256, CKG_MGF1_SHA3_256, 32},
                {CKM_SHA3_512, CKG_MGF1_SHA3_512, 64}};
  CK_ULONG bits = 2048, size = 512;
  CK_ATTRIBUTE public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_ENCRYPT, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_DECRYPT, &yes, 1}};
  struct key_pair pair = make_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, public, 2, private, 1);
  CK_MECHANISM pkcs = {CKM_RSA_PKCS, (void *)1, 9}, raw = {CKM_RSA_X_509, NULL, 0};
  CK_BYTE sealed[512];
  round_trip(pair, pkcs, 0, 0);
  round_trip(pair, pkcs, 245, 245);
  round_trip(pair, raw, 200, 256);
  for (size_t i = 0; i < COUNT(hashes); i++) {
    CK_RSA_PKCS_OAEP_PARAMS oaep = {hashes[i].hash, hashes[i].mgf, 0, NULL, 0};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};
    CK_ULONG most = 256 - 2 - 2 * hashes[i].length;
    round_trip(pair, mechanism, most, most);
    oaep = (CK_RSA_PKCS_OAEP_PARAMS){hashes[i].hash, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, "a label", 7};
    round_trip(pair, mechanism, 5, 5);
    OK(p11->C_EncryptInit(session, &mechanism, pair.public));
    EXPECT(CKR_DATA_LEN_RANGE, p11->C_Encrypt(session, data, most + 1, sealed, &size));
    /* Another label does not open it. */
    size = sizeof sealed;
    OK(p11->C_EncryptInit(session, &mechanism, pair.public));
    OK(p11->C_Encrypt(session, data, 5, sealed, &size));
    oaep.pSourceData = "b label";
    CK_BYTE opened[256];
    CK_ULONG opened_size = sizeof opened;
    OK(p11->C_DecryptInit(session, &mechanism, pair.private));
    EXPECT(CKR_ENCRYPTED_DATA_INVALID, p11->C_Decrypt(session, sealed, 256, opened, &opened_size));
    CK_RSA_PKCS_OAEP_PARAMS bad[] = {{CKM_ECDSA, CKG_MGF1_SHA1, 0, NULL, 0},
                                     {CKM_SHA_1, 0, 0, NULL, 0},
                                     {CKM_SHA_1, 10, 0, NULL, 0},
                                     {CKM_SHA_1, CKG_MGF1_SHA1, 2, NULL, 0},
                                     {CKM_SHA_1, CKG_MGF1_SHA1, 0, "x", 1},
                                     {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 1}};
    for (size_t b = 0; b < COUNT(bad); b++)
      EXPECT(CKR_MECHANISM_PARAM_INVALID,
             p11->C_EncryptInit(session, &(CK_MECHANISM){CKM_RSA_PKCS_OAEP, &bad[b], sizeof bad[b]}, pair.public));
  }
  EXPECT(CKR_MECHANISM_PARAM_INVALID,
         p11->C_EncryptInit(session, &(CK_MECHANISM){CKM_RSA_PKCS_OAEP, NULL, 0}, pair.public));
  OK(p11->C_EncryptInit(session, &pkcs, pair.public));
  EXPECT(CKR_DATA_LEN_RANGE, p11->C_Encrypt(session, data, 246, sealed, &size));
  OK(p11->C_DecryptInit(session, &pkcs, pair.private));
  EXPECT(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(session, sealed, 255, sealed, &size));
  /* A wrong padding is answered with bytes that mean nothing, always the same ones (implicit rejection). */
  CK_BYTE first[256], second[256];
  CK_ULONG first_size = 256, second_size = 256;
  memset(sealed, 0x11, sizeof sealed);
  OK(p11->C_DecryptInit(session, &pkcs, pair.private));
  OK(p11->C_Decrypt(session, sealed, 256, first, &first_size));
  OK(p11->C_DecryptInit(session, &pkcs, pair.private));
  OK(p11->C_Decrypt(session, sealed, 256, second, &second_size));
  CHECK(first_size == second_size && memcmp(first, second, first_size) == 0);
  EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11->C_EncryptInit(session, &pkcs, pair.private));
  EXPECT(CKR_KEY_TYPE_INCONSISTENT, p11->C_DecryptInit(session, &pkcs, pair.public));
  EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_SignInit(session, &pkcs, pair.private));
}

/* CKA_ALWAYS_AUTHENTICATE: each signature wants the PIN. */
static void check_context_login(const char *pin_text) {
  CK_UTF8CHAR *pin = (CK_UTF8CHAR *)pin_text;
  CK_ULONG length = strlen(pin_text), size;
  CK_BYTE signature[64];
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, {CKA_VERIFY, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, 1}, {CKA_ALWAYS_AUTHENTICATE, &yes, 1}};
  struct key_pair pair = make_pair(CKM_EC_KEY_PAIR_GEN, public, 2, private, 2);
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, length));
  for (int i = 0; i < 3; i++) {
    OK(p11->C_SignInit(session, &mechanism, pair.private));
    size = sizeof signature;
    if (i == 0) {
      EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_Sign(session, data, 32, signature, &size));
      OK(p11->C_SignInit(session, &mechanism, pair.private));
    }
    if (i == 1) EXPECT(CKR_PIN_INCORRECT, p11->C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)"wrong", 5));
    OK(p11->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, length));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, length));
    OK(p11->C_Sign(session, data, 32, signature, &size));
    OK(p11->C_VerifyInit(session, &mechanism, pair.public));
    OK(p11->C_Verify(session, data, 32, signature, size));
  }
  /* Message by message, too. */
  OK(p32->C_MessageSignInit(session, &mechanism, pair.private));
  for (int i = 0; i < 2; i++) {
    size = sizeof signature;
    EXPECT(CKR_USER_NOT_LOGGED_IN, p32->C_SignMessage(session, NULL, 0, data, 32, signature, &size));
    OK(p32->C_LoginUser(session, CKU_CONTEXT_SPECIFIC, pin, length, NULL, 0));
    OK(p32->C_SignMessage(session, NULL, 0, data, 32, signature, &size));
  }
  OK(p32->C_MessageSignFinal(session));
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  begin_checks(argv[1]);
  for (size_t i = 0; i < sizeof data; i++) data[i] = (CK_BYTE)(i + 1);
  check_encryption();
  check_context_login(argv[2]);
  OK(p11->C_Finalize(NULL));
  return 0;
}
