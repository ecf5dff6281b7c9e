/* listed-mechanisms: programs use whatever is listed, in one call and in parts, so all of it has to work in both ways.
 */

#include "field.h"

#ifndef CKF_ENCRYPT
#define CKF_ENCRYPT 0x100UL
#endif

enum { KINDS = 12 };

static struct key {
  const char *name;
  CK_OBJECT_HANDLE sign, verify;
} keys[KINDS];
static int key_count;

static CK_BYTE data[32] = "thirty-two bytes to work with..";

static void add_pair(CK_SESSION_HANDLE session, const char *name, CK_MECHANISM_TYPE type, CK_ATTRIBUTE what) {
  if (!lists(type)) return;
  CK_ATTRIBUTE public[] = {what, ATTRIBUTE(CKA_VERIFY, yes)}, private[] = {ATTRIBUTE(CKA_SIGN, yes)};
  struct key *key = &keys[key_count++];
  key->name = name;
  CK_RV rv = p11->C_GenerateKeyPair(session, MECHANISM(type), public, 2, private, 1, &key->verify, &key->sign);
  if (rv != CKR_OK) FAIL("%s: 0x%lx", name, rv);
}

static void add_secret(CK_SESSION_HANDLE session, const char *name, CK_MECHANISM_TYPE type, CK_ATTRIBUTE_TYPE use,
                       CK_ATTRIBUTE_TYPE other) {
  if (!lists(type)) return;
  CK_ULONG length = 32;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, length), {use, &yes, 1}, {other, &yes, 1}};
  struct key *key = &keys[key_count++];
  key->name = name;
  CK_RV rv = p11->C_GenerateKey(session, MECHANISM(type), template, 3, &key->sign);
  if (rv != CKR_OK) FAIL("%s: 0x%lx", name, rv);
  key->verify = key->sign;
}

/* Parameters that some mechanism takes: without, of a MAC's length, of PSS with each hash. */
static CK_ULONG mac_length = 8;
static CK_ULONG pss[][3] = {{CKM_SHA256, CKG_MGF1_SHA256, 32},
                            {CKM_SHA_1, CKG_MGF1_SHA1, 20},
                            {CKM_SHA224, 5, 28},
                            {CKM_SHA384, CKG_MGF1_SHA384, 48},
                            {CKM_SHA512, CKG_MGF1_SHA512, 64},
                            {0x2b5, 6, 28},
                            {0x2b0, 7, 32},
                            {0x2c0, 8, 48},
                            {0x2d0, 9, 64}};
static struct {
  CK_ULONG hedge;
  CK_BYTE *context;
  CK_ULONG length, hash;
} hashed = {0, NULL, 0, CKM_SHA256};

static CK_MECHANISM variant(CK_MECHANISM_TYPE type, size_t i) {
  if (i == 0) return (CK_MECHANISM){type, NULL, 0};
  if (i == 1) return (CK_MECHANISM){type, &mac_length, sizeof mac_length};
  if (i == 2) return (CK_MECHANISM){type, &hashed, sizeof hashed};
  return (CK_MECHANISM){type, pss[i - 3], sizeof pss[0]};
}

/* Finds a key and a parameter for a signing mechanism. */
static struct key *fitting(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_MECHANISM *mechanism) {
  for (size_t i = 0; i < 3 + COUNT(pss); i++) {
    *mechanism = variant(type, i);
    for (int k = 0; k < key_count; k++) {
      if (p11->C_SignInit(session, mechanism, keys[k].sign) != CKR_OK) continue;
      OK(p11->C_SignInit(session, NULL, 0));
      return &keys[k];
    }
  }
  return NULL;
}

static void check_signing(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type) {
  static CK_BYTE one[65536], parts[65536];
  CK_ULONG one_size = sizeof one, parts_size = sizeof parts;
  CK_MECHANISM mechanism;
  struct key *key = fitting(session, type, &mechanism);
  if (key == NULL) FAIL("mechanism 0x%lx is listed for signing, but no key and parameter fit", type);
  CK_RV rv = sign_raw(session, &mechanism, key->sign, data, 32, one, &one_size);
  if (rv != CKR_OK) FAIL("mechanism 0x%lx with %s: 0x%lx", type, key->name, rv);
  rv = verify_raw(session, &mechanism, key->verify, data, 32, one, one_size);
  if (rv != CKR_OK) FAIL("mechanism 0x%lx with %s does not verify: 0x%lx", type, key->name, rv);
  OK(p11->C_SignInit(session, &mechanism, key->sign));
  rv = p11->C_SignUpdate(session, data, 7);
  if (rv == CKR_OK) rv = p11->C_SignUpdate(session, data + 7, 25);
  if (rv == CKR_OK) rv = p11->C_SignFinal(session, parts, &parts_size);
  if (rv != CKR_OK) FAIL("mechanism 0x%lx with %s in parts: 0x%lx", type, key->name, rv);
  rv = verify_raw(session, &mechanism, key->verify, data, 32, parts, parts_size);
  if (rv != CKR_OK) FAIL("mechanism 0x%lx with %s: signed in parts does not verify: 0x%lx", type, key->name, rv);
  OK(p11->C_VerifyInit(session, &mechanism, key->verify));
  OK(p11->C_VerifyUpdate(session, data, 20));
  OK(p11->C_VerifyUpdate(session, data + 20, 12));
  rv = p11->C_VerifyFinal(session, one, one_size);
  if (rv != CKR_OK) FAIL("mechanism 0x%lx with %s: does not verify in parts: 0x%lx", type, key->name, rv);
  one[one_size / 2] ^= 1;
  CHECK(verify_raw(session, &mechanism, key->verify, data, 32, one, one_size) != CKR_OK);
}

static void check_digest(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type) {
  CK_BYTE one[64], parts[64];
  CK_ULONG one_size = sizeof one, parts_size = sizeof parts;
  OK(p11->C_DigestInit(session, MECHANISM(type)));
  OK(p11->C_Digest(session, data, 32, one, &one_size));
  OK(p11->C_DigestInit(session, MECHANISM(type)));
  OK(p11->C_DigestUpdate(session, data, 5));
  OK(p11->C_DigestUpdate(session, data + 5, 27));
  OK(p11->C_DigestFinal(session, parts, &parts_size));
  CHECK(one_size == parts_size && memcmp(one, parts, one_size) == 0);
}

static CK_ULONG count;
static CK_MECHANISM_TYPE types[1024];

static void for_each(CK_SESSION_HANDLE session, CK_FLAGS flag, void (*check)(CK_SESSION_HANDLE, CK_MECHANISM_TYPE)) {
  int checked = 0;
  count = COUNT(types);
  OK(p11->C_GetMechanismList(0, types, &count));
  for (CK_ULONG i = 0; i < count; i++) {
    CK_MECHANISM_INFO info;
    OK(p11->C_GetMechanismInfo(0, types[i], &info));
    if ((info.flags & flag) == 0) continue;
    check(session, types[i]);
    checked++;
  }
  printf("%d mechanisms\n", checked);
  CHECK(checked > 0);
}

TEST(listed_signatures, "every listed signature mechanism signs and verifies, in one call and in parts") {
  CK_SESSION_HANDLE session = start();
  CK_ULONG bits = 2048, ml_dsa = 1, slh_dsa = 3;
  add_pair(session, "RSA", CKM_RSA_PKCS_KEY_PAIR_GEN, (CK_ATTRIBUTE)ATTRIBUTE(CKA_MODULUS_BITS, bits));
  add_pair(session, "EC", CKM_EC_KEY_PAIR_GEN, (CK_ATTRIBUTE){CKA_EC_PARAMS, EC_P256, 10});
  add_pair(session, "Edwards", CKM_EC_EDWARDS_KEY_PAIR_GEN, (CK_ATTRIBUTE){CKA_EC_PARAMS, EC_ED25519, 5});
  add_pair(session, "ML-DSA", 0x1c, (CK_ATTRIBUTE)ATTRIBUTE(0x61d, ml_dsa));
  add_pair(session, "SLH-DSA", 0x2d, (CK_ATTRIBUTE)ATTRIBUTE(0x61d, slh_dsa));
  add_secret(session, "AES", CKM_AES_KEY_GEN, CKA_SIGN, CKA_VERIFY);
  add_secret(session, "generic secret", CKM_GENERIC_SECRET_KEY_GEN, CKA_SIGN, CKA_VERIFY);
  for_each(session, CKF_SIGN, check_signing);
}

/* Parameters of ciphers: none, IV, counter block, GCM, CCM, OAEP. */
static CK_BYTE block[16] = "initialization.";
static struct {
  CK_ULONG bits;
  CK_BYTE block[16];
} counter = {64, "counter block.."};
static CK_ULONG oaep[] = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, 0, 0};

static CK_RV transform(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, struct key *key, bool encrypts, bool parts,
                       const CK_BYTE *input, CK_ULONG length, CK_BYTE *output, CK_ULONG *size) {
  CK_RV rv = encrypts ? p11->C_EncryptInit(session, mechanism, key->verify)
                      : p11->C_DecryptInit(session, mechanism, key->sign);
  if (rv != CKR_OK) return rv;
  CK_BYTE *in = (CK_BYTE *)input;
  if (!parts)
    return encrypts ? p11->C_Encrypt(session, in, length, output, size)
                    : p11->C_Decrypt(session, in, length, output, size);
  CK_ULONG total = 0, room, first = length / 3;
  for (int part = 0; part < 2 && rv == CKR_OK; part++) {
    CK_ULONG from = part == 0 ? 0 : first, much = part == 0 ? first : length - first;
    room = *size - total;
    rv = encrypts ? p11->C_EncryptUpdate(session, in + from, much, output + total, &room)
                  : p11->C_DecryptUpdate(session, in + from, much, output + total, &room);
    total += room;
  }
  if (rv != CKR_OK) return rv;
  room = *size - total;
  rv = encrypts ? p11->C_EncryptFinal(session, output + total, &room)
                : p11->C_DecryptFinal(session, output + total, &room);
  *size = total + room;
  return rv;
}

static void check_cipher(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type) {
  struct {
    CK_BYTE *iv;
    CK_ULONG iv_length, iv_bits;
    CK_BYTE *aad;
    CK_ULONG aad_length, tag_bits;
  } gcm = {block, 12, 96, data, 5, 128};
  struct {
    CK_ULONG data_length;
    CK_BYTE *nonce;
    CK_ULONG nonce_length;
    CK_BYTE *aad;
    CK_ULONG aad_length, mac_length;
  } ccm = {32, block, 12, data, 5, 16};
  CK_MECHANISM variants[] = {{type, NULL, 0},          {type, block, 16},        {type, &counter, sizeof counter},
                             {type, &gcm, sizeof gcm}, {type, &ccm, sizeof ccm}, {type, oaep, sizeof oaep}};
  for (size_t v = 0; v < COUNT(variants); v++)
    for (int k = 0; k < key_count; k++) {
      CK_BYTE sealed[512], opened[512];
      CK_ULONG sealed_size = sizeof sealed;
      CK_RV rv = transform(session, &variants[v], &keys[k], true, false, data, 32, sealed, &sealed_size);
      if (rv != CKR_OK) continue;
      for (int parts = 0; parts < 2; parts++) {
        CK_ULONG size = sizeof opened;
        rv = transform(session, &variants[v], &keys[k], false, parts == 1, sealed, sealed_size, opened, &size);
        /* Raw RSA gives all bytes of the modulus. */
        if (rv != CKR_OK || size < 32 || memcmp(opened + size - 32, data, 32) != 0)
          FAIL("mechanism 0x%lx with %s, decrypted in %s: 0x%lx", type, keys[k].name, parts ? "parts" : "one call", rv);
        sealed_size = sizeof sealed;
        rv = transform(session, &variants[v], &keys[k], true, true, data, 32, sealed, &sealed_size);
        if (rv != CKR_OK) FAIL("mechanism 0x%lx with %s, encrypted in parts: 0x%lx", type, keys[k].name, rv);
      }
      return;
    }
  FAIL("mechanism 0x%lx is listed for encryption, but no key and parameter fit", type);
}

TEST(listed_ciphers, "every listed cipher gives back what it was given, in one call and in parts") {
  CK_SESSION_HANDLE session = start();
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits), ATTRIBUTE(CKA_ENCRYPT, yes)},
               private[] = {ATTRIBUTE(CKA_DECRYPT, yes)};
  struct key *rsa = &keys[key_count++];
  rsa->name = "RSA";
  OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), public, 2, private, 1, &rsa->verify,
                            &rsa->sign));
  add_secret(session, "AES", CKM_AES_KEY_GEN, CKA_ENCRYPT, CKA_DECRYPT);
  for_each(session, CKF_ENCRYPT, check_cipher);
}

TEST(listed_digests, "every listed digest gives the same in one call and in parts") {
  for_each(start(), CKF_DIGEST, check_digest);
}
