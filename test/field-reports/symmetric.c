/* symmetric: GCM's parameter in its two layouts, sizes of tags and IVs, CBC lengths and padding, HMAC
 * (PKCS#11 6.10, 6.13, 6.21). */

#include "field.h"

static CK_BYTE iv[1024], aad[65536], text[1000], sealed[1100], opened[1100];
static const CK_BYTE KEY[32] = "thirty-two bytes of an AES key..";

/* CK_GCM_PARAMS with ulIvBits (PKCS#11 2.40 errata and later), and as it was without. */
struct gcm {
  CK_BYTE *iv;
  CK_ULONG iv_length, iv_bits;
  CK_BYTE *aad;
  CK_ULONG aad_length, tag_bits;
};
struct short_gcm {
  CK_BYTE *iv;
  CK_ULONG iv_length;
  CK_BYTE *aad;
  CK_ULONG aad_length, tag_bits;
};

static CK_OBJECT_HANDLE import_aes(CK_SESSION_HANDLE session) {
  CK_OBJECT_CLASS class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_AES;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class),
                             ATTRIBUTE(CKA_KEY_TYPE, type),
                             {CKA_VALUE, (void *)KEY, 32},
                             ATTRIBUTE(CKA_ENCRYPT, yes),
                             ATTRIBUTE(CKA_DECRYPT, yes)};
  CK_OBJECT_HANDLE key;
  OK(p11->C_CreateObject(session, template, 5, &key));
  return key;
}

static void fill(void) {
  for (size_t i = 0; i < sizeof iv; i++) iv[i] = (CK_BYTE)(i + 1);
  for (size_t i = 0; i < sizeof aad; i++) aad[i] = (CK_BYTE)(i * 3);
  for (size_t i = 0; i < sizeof text; i++) text[i] = (CK_BYTE)(i * 5 + 1);
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const CK_BYTE *data,
                     CK_ULONG length, CK_ULONG *size) {
  CK_RV rv = p11->C_EncryptInit(session, mechanism, key);
  return rv != CKR_OK ? rv : p11->C_Encrypt(session, (CK_BYTE *)data, length, sealed, size);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const CK_BYTE *data,
                     CK_ULONG length, CK_ULONG *size) {
  CK_RV rv = p11->C_DecryptInit(session, mechanism, key);
  return rv != CKR_OK ? rv : p11->C_Decrypt(session, (CK_BYTE *)data, length, opened, size);
}

/* What OpenSSL makes of it: ciphertext and a tag of 16 bytes. */
static void software_gcm(const struct gcm *gcm, const CK_BYTE *data, CK_ULONG length, CK_BYTE *result) {
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int size, last;
  CHECK(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_IVLEN, (int)gcm->iv_length, NULL) == 1);
  CHECK(EVP_EncryptInit_ex(context, NULL, NULL, KEY, gcm->iv) == 1);
  if (gcm->aad_length > 0) CHECK(EVP_EncryptUpdate(context, NULL, &size, gcm->aad, (int)gcm->aad_length) == 1);
  CHECK(EVP_EncryptUpdate(context, result, &size, data, (int)length) == 1);
  CHECK(EVP_EncryptFinal_ex(context, result + size, &last) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, result + length) == 1);
  EVP_CIPHER_CTX_free(context);
}

static void check_gcm(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM *mechanism, const struct gcm *gcm,
                      CK_ULONG length) {
  CK_BYTE expected[1100];
  CK_ULONG tag = gcm->tag_bits / 8, size = sizeof sealed, plain = sizeof opened;
  software_gcm(gcm, text, length, expected);
  OK(encrypt(session, mechanism, key, text, length, &size));
  CHECK(size == length + tag && memcmp(sealed, expected, size) == 0);
  OK(decrypt(session, mechanism, key, sealed, size, &plain));
  CHECK(plain == length && memcmp(opened, text, length) == 0);
  sealed[0] ^= 1;
  EXPECT(CKR_ENCRYPTED_DATA_INVALID, decrypt(session, mechanism, key, sealed, size, &plain));
}

TEST(gcm_layouts,
     "AES-GCM takes its parameter with and without the unused number of bits, and looks at nothing unused (6.13.3)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_GCM);
  fill();
  CK_OBJECT_HANDLE key = import_aes(session);
  const CK_ULONG bits[] = {96, 0, 7, 0xffffffff};
  struct gcm gcm = {iv, 12, 96, aad, 13, 128};
  CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
  for (size_t i = 0; i < COUNT(bits); i++) {
    gcm.iv_bits = bits[i];
    check_gcm(session, key, &mechanism, &gcm, 20);
  }
  struct short_gcm older = {iv, 12, aad, 13, 128};
  CK_MECHANISM without = {CKM_AES_GCM, &older, sizeof older};
  CK_RV rv = p11->C_EncryptInit(session, &without, key);
  ONE_OF(rv, CKR_OK, CKR_MECHANISM_PARAM_INVALID);
  if (rv == CKR_OK) {
    OK(p11->C_EncryptInit(session, NULL, 0));
    check_gcm(session, key, &without, &gcm, 20);
  }
  const CK_ULONG lengths[] = {47, 49, 0, 39, 41};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    mechanism.ulParameterLen = lengths[i];
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(session, &mechanism, key));
  }
  mechanism.ulParameterLen = sizeof gcm;
  gcm.aad = NULL;
  ONE_OF(p11->C_EncryptInit(session, &mechanism, key), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
  gcm.aad_length = 0;
  check_gcm(session, key, &mechanism, &gcm, 20);
  gcm.aad = aad;
  gcm.aad_length = sizeof aad;
  CK_ULONG size = sizeof sealed;
  rv = encrypt(session, &mechanism, key, text, 20, &size);
  if (rv == CKR_OK) check_gcm(session, key, &mechanism, &gcm, 20);
  else REFUSED(rv);
  gcm.aad_length = 60000;
  check_gcm(session, key, &mechanism, &gcm, 20);
  gcm.iv = NULL;
  ONE_OF(p11->C_EncryptInit(session, &mechanism, key), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
}

TEST(gcm_sizes, "AES-GCM takes the same tag and IV sizes in both directions, and no empty IV or longer tag (6.13.3)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_GCM);
  fill();
  CK_OBJECT_HANDLE key = import_aes(session);
  const CK_ULONG tags[] = {0, 8, 32, 64, 96, 104, 112, 120, 127, 128, 129, 136},
                 ivs[] = {0, 1, 8, 12, 13, 16, 128, 1024}, lengths[] = {0, 1, 16, 1000};
  for (size_t t = 0; t < COUNT(tags); t++)
    for (size_t i = 0; i < COUNT(ivs); i++) {
      struct gcm gcm = {iv, ivs[i], ivs[i] * 8, aad, 13, tags[t]};
      CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
      CK_RV rv = p11->C_EncryptInit(session, &mechanism, key);
      bool must_work = (tags[t] == 96 && ivs[i] == 12) || (tags[t] == 128 && (ivs[i] == 12 || ivs[i] == 16));
      bool must_fail = ivs[i] == 0 || tags[t] > 128;
      if (must_work ? rv != CKR_OK : must_fail && rv != CKR_MECHANISM_PARAM_INVALID)
        FAIL("tag %lu, IV %lu: 0x%lx", tags[t], ivs[i], rv);
      ONE_OF(rv, CKR_OK, CKR_MECHANISM_PARAM_INVALID);
      EXPECT(rv, p11->C_DecryptInit(session, &mechanism, key));
      if (rv != CKR_OK) continue;
      OK(p11->C_EncryptInit(session, NULL, 0));
      OK(p11->C_DecryptInit(session, NULL, 0));
      if (tags[t] < 32) continue; /* a tag of a byte cannot tell anything */
      for (size_t l = 0; l < COUNT(lengths); l++) {
        CK_ULONG size = sizeof sealed, plain = sizeof opened;
        if (lengths[l] > 0 && t % 3 == 0) check_gcm(session, key, &mechanism, &gcm, lengths[l]);
        size = sizeof sealed;
        OK(encrypt(session, &mechanism, key, text, lengths[l], &size));
        CHECK(size == lengths[l] + tags[t] / 8);
        OK(decrypt(session, &mechanism, key, sealed, size, &plain));
        CHECK(plain == lengths[l] && memcmp(opened, text, plain) == 0);
        REFUSED(decrypt(session, &mechanism, key, sealed, size - 1, &plain));
        ONE_OF(decrypt(session, &mechanism, key, sealed, tags[t] / 8 - 1, &plain), CKR_ENCRYPTED_DATA_LEN_RANGE,
               CKR_ENCRYPTED_DATA_INVALID);
      }
    }
}

TEST(cbc_lengths, "AES-CBC takes whole blocks, one-shot and by parts; with padding any length (6.10.5, 6.10.6)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_CBC_PAD);
  fill();
  CK_OBJECT_HANDLE key = import_aes(session);
  CK_MECHANISM plain = {CKM_AES_CBC, iv, 16}, padded = {CKM_AES_CBC_PAD, iv, 16};
  const CK_ULONG lengths[] = {0, 15, 16, 17};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    CK_ULONG size = sizeof sealed, last = sizeof sealed;
    CK_RV expected = lengths[i] % 16 == 0 ? CKR_OK : CKR_DATA_LEN_RANGE;
    EXPECT(expected, encrypt(session, &plain, key, text, lengths[i], &size));
    if (expected == CKR_OK) CHECK(size == lengths[i]);
    size = sizeof opened;
    EXPECT(expected == CKR_OK ? CKR_OK : CKR_ENCRYPTED_DATA_LEN_RANGE,
           decrypt(session, &plain, key, sealed, lengths[i], &size));
    OK(p11->C_EncryptInit(session, &plain, key));
    size = sizeof sealed;
    OK(p11->C_EncryptUpdate(session, text, lengths[i], sealed, &size));
    CHECK(size == lengths[i] / 16 * 16);
    EXPECT(expected, p11->C_EncryptFinal(session, sealed, &last));
  }
  const CK_ULONG sizes[][2] = {{0, 16}, {15, 16}, {16, 32}, {17, 32}, {31, 32}, {32, 48}};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    CK_ULONG size = sizeof sealed;
    OK(encrypt(session, &padded, key, text, sizes[i][0], &size));
    CHECK(size == sizes[i][1]);
    CK_BYTE *exact = canary(sizes[i][0]);
    CK_ULONG room = sizes[i][0];
    OK(p11->C_DecryptInit(session, &padded, key));
    CK_RV rv = p11->C_Decrypt(session, sealed, size, exact, &room);
    ONE_OF(rv, CKR_OK, CKR_BUFFER_TOO_SMALL);
    check_canary(exact);
    if (rv == CKR_BUFFER_TOO_SMALL) {
      CHECK(room > sizes[i][0]);
      room = sizeof opened;
      OK(p11->C_Decrypt(session, sealed, size, opened, &room));
      CHECK(room == sizes[i][0] && memcmp(opened, text, room) == 0);
    } else {
      CHECK(room == sizes[i][0] && memcmp(exact, text, room) == 0);
    }
    /* Block by block. */
    CK_ULONG total = 0;
    OK(p11->C_DecryptInit(session, &padded, key));
    for (CK_ULONG at = 0; at < size; at += 16) {
      room = 32;
      OK(p11->C_DecryptUpdate(session, sealed + at, 16, opened + total, &room));
      total += room;
      CHECK(total <= at + 16);
    }
    room = 32;
    OK(p11->C_DecryptFinal(session, opened + total, &room));
    CHECK(total + room == sizes[i][0] && memcmp(opened, text, total + room) == 0);
  }
}

TEST(cbc_padding, "wrong padding, lengths and IVs of AES-CBC are refused (6.10.6)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_CBC_PAD);
  fill();
  CK_OBJECT_HANDLE key = import_aes(session);
  CK_MECHANISM plain = {CKM_AES_CBC, iv, 16}, padded = {CKM_AES_CBC_PAD, iv, 16};
  CK_ULONG size;
  const CK_ULONG lengths[] = {0, 15, 17};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    size = sizeof opened;
    ONE_OF(decrypt(session, &padded, key, sealed, lengths[i], &size), CKR_ENCRYPTED_DATA_LEN_RANGE,
           CKR_ENCRYPTED_DATA_INVALID);
  }
  const CK_BYTE endings[][3] = {{1, 1, 0}, {1, 1, 17}, {1, 2, 3}, {1, 1, 2}, {1, 1, 255}};
  for (size_t i = 0; i < COUNT(endings); i++) {
    CK_BYTE block[32] = {0};
    memcpy(block + 29, endings[i], 3);
    size = sizeof sealed;
    OK(encrypt(session, &plain, key, block, 32, &size));
    size = sizeof opened;
    ONE_OF(decrypt(session, &padded, key, sealed, 32, &size), CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE);
  }
  const CK_ULONG iv_lengths[] = {0, 15, 17};
  for (size_t i = 0; i < COUNT(iv_lengths); i++) {
    padded.ulParameterLen = iv_lengths[i];
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(session, &padded, key));
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DecryptInit(session, &padded, key));
  }
  padded = (CK_MECHANISM){CKM_AES_CBC_PAD, NULL, 16};
  ONE_OF(p11->C_EncryptInit(session, &padded, key), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
}

TEST(hmac, "HMAC keys of any length sign and verify as OpenSSL does (6.21)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_SHA256_HMAC);
  const CK_ULONG lengths[] = {1, 16, 32, 64, 65, 200};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class),
                               ATTRIBUTE(CKA_KEY_TYPE, type),
                               {CKA_VALUE, aad, lengths[i]},
                               ATTRIBUTE(CKA_SIGN, yes),
                               ATTRIBUTE(CKA_VERIFY, yes)};
    CK_OBJECT_HANDLE key;
    CK_BYTE mac[32];
    CK_ULONG size = sizeof mac;
    fill();
    OK(p11->C_CreateObject(session, template, 5, &key));
    OK(sign_raw(session, MECHANISM(CKM_SHA256_HMAC), key, text, 500, mac, &size));
    size_t length;
    CK_BYTE expected[32];
    CHECK(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, aad, lengths[i], text, 500, expected, 32, &length) != NULL);
    CHECK(size == 32 && memcmp(mac, expected, 32) == 0);
    OK(verify_raw(session, MECHANISM(CKM_SHA256_HMAC), key, text, 500, mac, 32));
    mac[31] ^= 1;
    EXPECT(CKR_SIGNATURE_INVALID, verify_raw(session, MECHANISM(CKM_SHA256_HMAC), key, text, 500, mac, 32));
    EXPECT(CKR_SIGNATURE_LEN_RANGE, verify_raw(session, MECHANISM(CKM_SHA256_HMAC), key, text, 500, mac, 31));
  }
}
