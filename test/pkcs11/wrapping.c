/* wrapping MODULE: C_WrapKey and C_UnwrapKey. */

#include "readable.h"

static CK_OBJECT_HANDLE wrapping_key(const char *text) {
  CK_BYTE bytes[32];
  CK_ATTRIBUTE usage[] = {{CKA_WRAP, &yes, 1}, {CKA_UNWRAP, &yes, 1}};
  return import_secret(CKK_AES, bytes, unhex(text, bytes), usage, 2);
}

/* RFC 3394, 4.1 and RFC 5649, 6. */
static void check_wrapping(void) {
  CK_OBJECT_HANDLE kek = wrapping_key("000102030405060708090a0b0c0d0e0f"), unwrapped;
  CK_OBJECT_HANDLE padded_kek = wrapping_key("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
  CK_MECHANISM plain = {CKM_AES_KEY_WRAP, NULL, 0}, padded = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  CK_BYTE bytes[32], *exact = guarded(24);
  CK_ULONG size = 0, none = 0;
  unhex("00112233445566778899aabbccddeeff", bytes);
  CK_OBJECT_HANDLE key = import_secret(CKK_GENERIC_SECRET, bytes, 16, NULL, 0);
  OK(p11->C_WrapKey(session, &plain, kek, key, NULL, &size));
  CHECK(size == 24);
  size = 23;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_WrapKey(session, &plain, kek, key, exact, &size));
  CHECK(size == 24);
  check_untouched(exact, 0, 24);
  OK(p11->C_WrapKey(session, &plain, kek, key, exact, &size));
  check_hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", exact, size);
  CK_ATTRIBUTE template[] = READABLE(generic, none);
  OK(p11->C_UnwrapKey(session, &plain, kek, exact, 24, template, 3, &unwrapped));
  CK_ATTRIBUTE asked = {CKA_VALUE, value, sizeof value};
  /* What was unwrapped is sensitive whatever the wrapped key was. */
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(session, unwrapped, &asked, 1));
  exact[5] ^= 1;
  EXPECT(CKR_WRAPPED_KEY_INVALID, p11->C_UnwrapKey(session, &plain, kek, exact, 24, template, 3, &unwrapped));
  CK_RV rv = p11->C_UnwrapKey(session, &plain, kek, exact, 23, template, 3, &unwrapped);
  CHECK(rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_WRAPPED_KEY_INVALID);
  EXPECT(CKR_WRAPPED_KEY_LEN_RANGE, p11->C_UnwrapKey(session, &plain, kek, exact, 0, template, 3, &unwrapped));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_UnwrapKey(session, &plain, kek, NULL, 24, template, 3, &unwrapped));
  EXPECT(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
         p11->C_UnwrapKey(session, &plain, 999999, exact, 24, template, 3, &unwrapped));
  EXPECT(CKR_WRAPPING_KEY_HANDLE_INVALID, p11->C_WrapKey(session, &plain, 999999, key, exact, &size));
  EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_WrapKey(session, &plain, kek, 999999, exact, &size));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_WrapKey(session, &plain, kek, key, exact, NULL));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_WrapKey(session, NULL, kek, key, exact, &size));
  EXPECT(CKR_MECHANISM_INVALID, p11->C_WrapKey(session, &(CK_MECHANISM){CKM_SHA256, NULL, 0}, kek, key, exact, &size));
  EXPECT(CKR_MECHANISM_PARAM_INVALID,
         p11->C_WrapKey(session, &(CK_MECHANISM){CKM_AES_KEY_WRAP, bytes, 7}, kek, key, exact, &size));
  unhex("c37b7e6492584340bed12207808941155068f738", bytes);
  key = import_secret(CKK_GENERIC_SECRET, bytes, 20, NULL, 0);
  CK_BYTE wrapped[32];
  size = sizeof wrapped;
  OK(p11->C_WrapKey(session, &padded, padded_kek, key, wrapped, &size));
  check_hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a", wrapped, size);
  /* CKM_AES_KEY_WRAP fills the last block with zeros, and the length in the template takes them away. */
  CK_ULONG twenty = 20, length = 0;
  CK_ATTRIBUTE sized[] = {template[0], template[1], template[2], {CKA_VALUE_LEN, &twenty, sizeof twenty}};
  CK_ATTRIBUTE asked_length = {CKA_VALUE_LEN, &length, sizeof length};
  OK(p11->C_WrapKey(session, &plain, padded_kek, key, NULL, &size));
  CHECK(size == 32);
  OK(p11->C_WrapKey(session, &plain, padded_kek, key, wrapped, &size));
  OK(p11->C_UnwrapKey(session, &plain, padded_kek, wrapped, size, sized, 4, &unwrapped));
  OK(p11->C_GetAttributeValue(session, unwrapped, &asked_length, 1));
  CHECK(length == 20);
}

/* What a query says suffices for private keys of every kind, and is not far too much. */
static void check_lengths(CK_OBJECT_HANDLE kek) {
  CK_ULONG bits = 3072, three = 3, twelve = 12;
  const struct {
    CK_MECHANISM_TYPE generation;
    CK_ATTRIBUTE size;
  } kinds[] = {{CKM_RSA_PKCS_KEY_PAIR_GEN, {CKA_MODULUS_BITS, &bits, sizeof bits}},
               {CKM_EC_KEY_PAIR_GEN, {CKA_EC_PARAMS, EC_P521, 7}},
               {CKM_EC_EDWARDS_KEY_PAIR_GEN, {CKA_EC_PARAMS, "\x06\x03\x2b\x65\x71", 5}},
               {CKM_EC_MONTGOMERY_KEY_PAIR_GEN, {CKA_EC_PARAMS, "\x06\x03\x2b\x65\x6e", 5}},
               {CKM_ML_DSA_KEY_PAIR_GEN, {CKA_PARAMETER_SET, &three, sizeof three}},
               {CKM_ML_KEM_KEY_PAIR_GEN, {CKA_PARAMETER_SET, &three, sizeof three}},
               {CKM_SLH_DSA_KEY_PAIR_GEN, {CKA_PARAMETER_SET, &twelve, sizeof twelve}}};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    CK_ATTRIBUTE public = kinds[i].size, private[] = {{CKA_EXTRACTABLE, &yes, 1}, {CKA_SENSITIVE, &no, 1}};
    struct key_pair pair = make_pair(kinds[i].generation, &public, 1, private, 2);
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
    CK_ULONG size = 0, real;
    OK(p11->C_WrapKey(session, &mechanism, kek, pair.private, NULL, &size));
    CK_BYTE *wrapped = guarded(size);
    real = size;
    OK(p11->C_WrapKey(session, &mechanism, kek, pair.private, wrapped, &real));
    if (real > size || size > 2 * real + 256) FAIL("kind %zu: %lu bytes, the query said %lu", i, real, size);
  }
}

/* Private keys, and keys under RSA: what comes back signs. */
static void check_wrapped_pairs(void) {
  CK_ULONG bits = 2048, length = 32, size = 0, real;
  CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
  CK_KEY_TYPE ec = CKK_EC;
  CK_OBJECT_HANDLE kek, unwrapped;
  CK_ATTRIBUTE kek_template[] = {{CKA_TOKEN, &no, 1},  {CKA_VALUE_LEN, &length, sizeof length}, {CKA_WRAP, &yes, 1},
                                 {CKA_UNWRAP, &yes, 1}, {CKA_SENSITIVE, &yes, 1},               {CKA_EXTRACTABLE, &no, 1}};
  OK(p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_AES_KEY_GEN, NULL, 0}, kek_template, 6, &kek));
  check_lengths(kek);
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, {CKA_VERIFY, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, 1}, {CKA_EXTRACTABLE, &yes, 1}};
  struct key_pair pair = make_pair(CKM_EC_KEY_PAIR_GEN, public, 2, private, 2);
  CK_MECHANISM kwp = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  OK(p11->C_WrapKey(session, &kwp, kek, pair.private, NULL, &size));
  CK_BYTE *wrapped = malloc(size);
  real = size;
  OK(p11->C_WrapKey(session, &kwp, kek, pair.private, wrapped, &real));
  CHECK(real <= size && real > 32);
  size = real - 1;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_WrapKey(session, &kwp, kek, pair.private, wrapped, &size));
  CHECK(size == real);
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &private_class, sizeof private_class}, {CKA_KEY_TYPE, &ec, sizeof ec},
                             {CKA_TOKEN, &no, 1}, {CKA_SIGN, &yes, 1}};
  OK(p11->C_UnwrapKey(session, &kwp, kek, wrapped, real, template, 4, &unwrapped));
  OK(sign_and_verify(session, (struct key_pair){pair.public, unwrapped}, CKM_ECDSA_SHA256, "data", 4));
  free(wrapped);

  CK_ATTRIBUTE rsa_public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_WRAP, &yes, 1}};
  CK_ATTRIBUTE rsa_private[] = {{CKA_UNWRAP, &yes, 1}};
  struct key_pair rsa = make_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, rsa_public, 2, rsa_private, 1);
  CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, "label", 5};
  CK_RSA_AES_KEY_WRAP_PARAMS both = {256, &oaep};
  CK_MECHANISM mechanisms[] = {{CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep}, {CKM_RSA_AES_KEY_WRAP, &both, sizeof both}};
  CK_OBJECT_HANDLE key = import_secret(CKK_GENERIC_SECRET, (CK_BYTE *)"0123456789abcdef", 16,
                                       (CK_ATTRIBUTE[]){{CKA_SIGN, &yes, 1}}, 1);
  for (size_t i = 0; i < COUNT(mechanisms); i++) {
    CK_BYTE out[512];
    OK(p11->C_WrapKey(session, &mechanisms[i], rsa.public, key, NULL, &size));
    CHECK(size == 256 + 24 * i);
    OK(p11->C_WrapKey(session, &mechanisms[i], rsa.public, key, out, &size));
    CHECK(size == 256 + 24 * i);
    CK_ATTRIBUTE secret[] = {{CKA_CLASS, &secret_class, sizeof secret_class}, {CKA_KEY_TYPE, &generic, sizeof generic},
                             {CKA_TOKEN, &no, 1}, {CKA_SIGN, &yes, 1}};
    OK(p11->C_UnwrapKey(session, &mechanisms[i], rsa.private, out, size, secret, 4, &unwrapped));
    CK_BYTE macs[2][32];
    CK_ULONG mac_size = 32;
    for (int k = 0; k < 2; k++) {
      OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_SHA256_HMAC, NULL, 0}, k == 0 ? key : unwrapped));
      OK(p11->C_Sign(session, (CK_BYTE *)"x", 1, macs[k], &mac_size));
    }
    CHECK(memcmp(macs[0], macs[1], 32) == 0);
  }
  both.ulAESKeyBits = 160;
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_WrapKey(session, &mechanisms[1], rsa.public, key, NULL, &size));
  both = (CK_RSA_AES_KEY_WRAP_PARAMS){256, NULL};
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_WrapKey(session, &mechanisms[1], rsa.public, key, NULL, &size));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  check_wrapping();
  check_wrapped_pairs();
  OK(p11->C_Finalize(NULL));
  return 0;
}
