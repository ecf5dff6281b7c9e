/* signing MODULE: signatures on curves, MACs, and post-quantum signatures. */

#include "signer.h"

static void check_curves(void) {
  static const struct {
    const char *params;
    CK_ULONG length, size;
  } curves[] = {{EC_P256, 10, 64},
                {EC_P384, 7, 96},
                {EC_P521, 7, 132},
                {"\x06\x05\x2b\x81\x04\x00\x0a", 7, 64},
                {"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07", 11, 64},
                {"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", 11, 96},
                {"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", 11, 128}};
  static const CK_MECHANISM_TYPE hashed[] = {CKM_ECDSA_SHA1,     CKM_ECDSA_SHA224,   CKM_ECDSA_SHA256,
                                             CKM_ECDSA_SHA384,   CKM_ECDSA_SHA512,   CKM_ECDSA_SHA3_224,
                                             CKM_ECDSA_SHA3_256, CKM_ECDSA_SHA3_384, CKM_ECDSA_SHA3_512};
  for (size_t i = 0; i < COUNT(curves); i++) {
    CK_ATTRIBUTE params = {CKA_EC_PARAMS, (void *)curves[i].params, curves[i].length};
    struct key_pair pair = signing_pair(CKM_EC_KEY_PAIR_GEN, params);
    check_signer((struct signer){{CKM_ECDSA, NULL, 0}, pair.private, pair.public, curves[i].size, 32});
    for (size_t h = 0; h < COUNT(hashed); h++)
      check_signer((struct signer){{hashed[h], NULL, 0}, pair.private, pair.public, curves[i].size, DATA});
  }
}

/* Curves may be named in words; the key keeps the name that it was given. */
static void check_named_curves(void) {
  static const struct {
    CK_MECHANISM_TYPE generation, signing;
    const char *params;
    CK_ULONG size;
  } curves[] = {{CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA256, "\x13\x09secp256r1", 64},
                {CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA384, "\x13\x0f" "brainpoolP384r1", 96},
                {CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, "\x13\x0c" "edwards25519", 64},
                {CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, "\x13\x0a" "edwards448", 114}};
  for (size_t i = 0; i < COUNT(curves); i++) {
    CK_ATTRIBUTE params = {CKA_EC_PARAMS, (void *)curves[i].params, strlen(curves[i].params)};
    struct key_pair pair = signing_pair(curves[i].generation, params);
    CK_BYTE kept[32];
    CK_ATTRIBUTE asked = {CKA_EC_PARAMS, kept, sizeof kept};
    OK(p11->C_GetAttributeValue(session, pair.public, &asked, 1));
    CHECK(asked.ulValueLen == params.ulValueLen && memcmp(kept, params.pValue, params.ulValueLen) == 0);
    check_signer((struct signer){{curves[i].signing, NULL, 0}, pair.private, pair.public, curves[i].size, DATA});
  }
}

static void check_edwards(void) {
  static const struct {
    const char *params;
    CK_ULONG size;
  } curves[] = {{EC_ED25519, 64}, {"\x06\x03\x2b\x65\x71", 114}};
  CK_EDDSA_PARAMS params[] = {{CK_FALSE, 0, NULL}, {CK_TRUE, 0, NULL}, {CK_FALSE, 5, (CK_BYTE *)"hello"},
                              {CK_TRUE, 255, data}};
  for (size_t i = 0; i < COUNT(curves); i++) {
    struct key_pair pair =
        signing_pair(CKM_EC_EDWARDS_KEY_PAIR_GEN, (CK_ATTRIBUTE){CKA_EC_PARAMS, (void *)curves[i].params, 5});
    struct signer signer = {{CKM_EDDSA, NULL, 0}, pair.private, pair.public, curves[i].size, DATA};
    check_signer(signer);
    for (size_t p = 0; p < COUNT(params); p++) {
      signer.mechanism = (CK_MECHANISM){CKM_EDDSA, &params[p], sizeof params[p]};
      check_signer(signer);
    }
  }
}

/* RFC 4231, test case 2; RFC 4493, example 4. */
static void check_macs(void) {
  static const struct {
    CK_MECHANISM_TYPE type, general;
    CK_ULONG size;
    const char *mac;
  } hmacs[] = {
      {CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      {CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, 28, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
      {CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, 48,
       "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
      {CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, 64,
       "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b"
       "636e070a38bce737"},
      {CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, 28, NULL},
      {CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, 32, NULL},
      {CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, 28, NULL},
      {CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, 32, NULL},
      {CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, 48, NULL},
      {CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, 64, NULL}};
  CK_ATTRIBUTE usage[] = {{CKA_SIGN, &yes, 1}, {CKA_VERIFY, &yes, 1}};
  CK_OBJECT_HANDLE key = import_secret(CKK_GENERIC_SECRET, (CK_BYTE *)"Jefe", 4, usage, 2);
  CK_BYTE mac[64];
  for (size_t i = 0; i < COUNT(hmacs); i++) {
    CK_ULONG size = sizeof mac, length = hmacs[i].size / 2, none = 0, over = hmacs[i].size + 1;
    struct signer signer = {{hmacs[i].type, NULL, 0}, key, key, hmacs[i].size, DATA};
    check_signer(signer);
    signer.mechanism = (CK_MECHANISM){hmacs[i].general, &length, sizeof length};
    signer.size = length;
    check_signer(signer);
    OK(p11->C_SignInit(session, &(CK_MECHANISM){hmacs[i].type, NULL, 0}, key));
    OK(p11->C_Sign(session, (CK_BYTE *)"what do ya want for nothing?", 28, mac, &size));
    if (hmacs[i].mac != NULL) check_hex(hmacs[i].mac, mac, size);
    CK_MECHANISM bad[] = {{hmacs[i].general, NULL, 0}, {hmacs[i].general, &length, 4}, {hmacs[i].general, &none, 8},
                          {hmacs[i].general, &over, 8}};
    for (size_t b = 0; b < COUNT(bad); b++)
      EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &bad[b], key));
  }
  CK_OBJECT_HANDLE aes = import_aes("2b7e151628aed2a6abf7158809cf4f3c");
  CK_BYTE message[64];
  CK_ULONG size = sizeof mac, eight = 8;
  unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef"
        "f69f2445df4f9b17ad2b417be66c3710", message);
  OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_AES_CMAC, NULL, 0}, aes));
  OK(p11->C_Sign(session, message, 64, mac, &size));
  check_hex("51f0bebf7e3b9d92fc49741779363cfe", mac, size);
  check_signer((struct signer){{CKM_AES_CMAC, NULL, 0}, aes, aes, 16, DATA});
  check_signer((struct signer){{CKM_AES_CMAC_GENERAL, &eight, sizeof eight}, aes, aes, 8, DATA});
}

static void check_post_quantum(void) {
  CK_ULONG ml_dsa_sizes[] = {2420, 3309, 4627}, set;
  CK_ATTRIBUTE parameter_set = {CKA_PARAMETER_SET, &set, sizeof set};
  CK_SIGN_ADDITIONAL_CONTEXT context[] = {{CKH_DETERMINISTIC_REQUIRED, NULL, 0}, {CKH_HEDGE_REQUIRED, data, 255}};
  CK_HASH_SIGN_ADDITIONAL_CONTEXT hashed = {CKH_HEDGE_PREFERRED, NULL, 0, CKM_SHA256};
  for (set = 1; set <= 3; set++) {
    struct key_pair pair = signing_pair(CKM_ML_DSA_KEY_PAIR_GEN, parameter_set);
    struct signer signer = {{CKM_ML_DSA, NULL, 0}, pair.private, pair.public, ml_dsa_sizes[set - 1], DATA};
    check_signer(signer);
    for (size_t i = 0; i < COUNT(context); i++) {
      signer.mechanism = (CK_MECHANISM){CKM_ML_DSA, &context[i], sizeof context[i]};
      check_signer(signer);
    }
    signer.mechanism = (CK_MECHANISM){CKM_HASH_ML_DSA_SHA512, &context[1], sizeof context[1]};
    check_signer(signer);
    signer.mechanism = (CK_MECHANISM){CKM_HASH_ML_DSA_SHAKE128, NULL, 0};
    check_signer(signer);
    signer.mechanism = (CK_MECHANISM){CKM_HASH_ML_DSA, &hashed, sizeof hashed};
    signer.length = 32;
    check_signer(signer);
    context[1].ulContextLen = 256;
    CK_MECHANISM bad[] = {{CKM_HASH_ML_DSA, NULL, 0},
                          {CKM_HASH_ML_DSA, &hashed, sizeof context[0]},
                          {CKM_ML_DSA, &hashed, sizeof hashed},
                          {CKM_ML_DSA, &context[1], sizeof context[1]}};
    for (size_t i = 0; i < COUNT(bad); i++)
      EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(session, &bad[i], pair.private));
    context[1].ulContextLen = 255;
  }
  set = 3; /* SLH-DSA-SHA2-128f */
  struct key_pair pair = signing_pair(CKM_SLH_DSA_KEY_PAIR_GEN, parameter_set);
  check_signer((struct signer){{CKM_SLH_DSA, NULL, 0}, pair.private, pair.public, 17088, DATA});
  check_signer((struct signer){{CKM_HASH_SLH_DSA_SHA256, NULL, 0}, pair.private, pair.public, 17088, DATA});
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_signing(argv[1]);
  check_macs();
  check_curves();
  check_edwards();
  check_named_curves();
  check_post_quantum();
  OK(p11->C_Finalize(NULL));
  return 0;
}
