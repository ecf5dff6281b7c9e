/* edwards: the parameter of EdDSA (PKCS#11 6.3.14, RFC 8032). */

#include "field.h"

static CK_BYTE out[512];

/* RFC 8032, 7.1 to 7.5. */
static const struct {
  const char *secret, *message, *context, *signature;
  bool prehash;
} EDDSA[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "", NULL,
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "55141438e7a100b",
     false},
    {"0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6", "f726936d19c800494e3fdaff20b276a8", "666f6f",
     "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21"
     "f4b888e4e7edb0d",
     false},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", "616263", "",
     "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aa"
     "ad11c2a26083406",
     true},
    {"6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95"
     "b",
     "", NULL,
     "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd398"
     "0ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e6526"
     "00",
     false},
    {"c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274"
     "e",
     "03", "666f6f",
     "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea0"
     "00c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c"
     "00",
     false},
};

static CK_OBJECT_HANDLE edwards_public(CK_SESSION_HANDLE session, const struct bytes *secret) {
  CK_BYTE point[57];
  size_t size = sizeof point;
  bool small = secret->length == 32;
  EVP_PKEY *key =
      EVP_PKEY_new_raw_private_key(small ? EVP_PKEY_ED25519 : EVP_PKEY_ED448, NULL, secret->at, secret->length);
  CHECK(key != NULL && EVP_PKEY_get_raw_public_key(key, point, &size) == 1);
  EVP_PKEY_free(key);
  return import_point(session, CKK_EC_EDWARDS, small ? EC_ED25519 : "\x06\x03\x2b\x65\x71", 5, point, size);
}

TEST(eddsa_values, "EdDSA with a context and with a hash first is the scheme of RFC 8032, or refused by its parameter; "
                   "never plain (6.3.14)") {
  CK_SESSION_HANDLE session = start();
  for (size_t i = 0; i < COUNT(EDDSA); i++) {
    struct bytes secret = unhex(EDDSA[i].secret), message = unhex(EDDSA[i].message),
                 signature = unhex(EDDSA[i].signature), context = unhex(EDDSA[i].context);
    CK_OBJECT_HANDLE public = edwards_public(session, &secret);
    CK_EDDSA_PARAMS params = {EDDSA[i].prehash, context.length, context.at};
    CK_MECHANISM mechanism = {CKM_EDDSA, &params, sizeof params}, plain = {CKM_EDDSA, NULL, 0};
    if (EDDSA[i].context == NULL) {
      OK(verify_raw(session, &plain, public, message.at, message.length, signature.at, signature.length));
      /* Zeroed parameters are common for plain EdDSA. */
      OK(verify_raw(session, &mechanism, public, message.at, message.length, signature.at, signature.length));
      plain.pParameter = &params; /* with length 0 */
      OK(verify_raw(session, &plain, public, message.at, message.length, signature.at, signature.length));
    } else {
      ONE_OF(verify_raw(session, &mechanism, public, message.at, message.length, signature.at, signature.length),
             CKR_OK, CKR_MECHANISM_PARAM_INVALID);
      EXPECT(CKR_SIGNATURE_INVALID,
             verify_raw(session, &plain, public, message.at, message.length, signature.at, signature.length));
    }
  }
}

TEST(eddsa_signatures, "EdDSA signatures with imported keys are those of RFC 8032 (6.3.14)") {
  CK_SESSION_HANDLE session = start();
  for (size_t i = 0; i < COUNT(EDDSA); i++) {
    struct bytes secret = unhex(EDDSA[i].secret), message = unhex(EDDSA[i].message),
                 signature = unhex(EDDSA[i].signature), context = unhex(EDDSA[i].context);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_EC_EDWARDS;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class),
                               ATTRIBUTE(CKA_KEY_TYPE, type),
                               ATTRIBUTE(CKA_SIGN, yes),
                               {CKA_EC_PARAMS, secret.length == 32 ? EC_ED25519 : "\x06\x03\x2b\x65\x71", 5},
                               {CKA_VALUE, secret.at, secret.length}};
    CK_OBJECT_HANDLE private;
    CK_RV rv = p11->C_CreateObject(session, template, 5, &private);
    if (rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED) {
      puts("private keys cannot be imported");
      exit(SKIPPED);
    }
    OK(rv);
    CK_EDDSA_PARAMS params = {EDDSA[i].prehash, context.length, context.at};
    CK_MECHANISM mechanism = {CKM_EDDSA, &params, EDDSA[i].context == NULL ? 0 : sizeof params};
    CK_ULONG size = sizeof out;
    rv = sign_raw(session, &mechanism, private, message.at, message.length, out, &size);
    if (rv == CKR_MECHANISM_PARAM_INVALID && EDDSA[i].context != NULL) continue;
    OK(rv);
    CHECK(size == signature.length && memcmp(out, signature.at, size) == 0);
    /* In parts the same. */
    size = sizeof out;
    OK(p11->C_SignInit(session, &mechanism, private));
    for (CK_ULONG at = 0; at < message.length; at += 5)
      OK(p11->C_SignUpdate(session, message.at + at, message.length - at < 5 ? message.length - at : 5));
    OK(p11->C_SignFinal(session, out, &size));
    CHECK(size == signature.length && memcmp(out, signature.at, size) == 0);
  }
}

TEST(eddsa_parameters, "broken EdDSA parameters are refused at once (6.3.14)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = generate(session, CKM_EC_EDWARDS_KEY_PAIR_GEN, EC_ED25519, 0, "ed", CK_FALSE);
  static CK_BYTE context[256];
  CK_EDDSA_PARAMS good = {0}, too_long = {CK_FALSE, 256, context}, no_context = {CK_FALSE, 5, NULL};
  CK_MECHANISM broken[] = {{CKM_EDDSA, &too_long, sizeof good}, {CKM_EDDSA, &no_context, sizeof good},
                           {CKM_EDDSA, NULL, sizeof good},      {CKM_EDDSA, &good, sizeof good - 1},
                           {CKM_EDDSA, &good, sizeof good + 1}, {CKM_EDDSA, &good, 1}};
  for (size_t i = 0; i < COUNT(broken); i++) {
    ONE_OF(p11->C_SignInit(session, &broken[i], pair.private), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
    ONE_OF(p11->C_VerifyInit(session, &broken[i], pair.public), CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD);
  }
  CK_EDDSA_PARAMS longest = {CK_FALSE, 255, context};
  CK_MECHANISM mechanism = {CKM_EDDSA, &longest, sizeof longest};
  ONE_OF(p11->C_SignInit(session, &mechanism, pair.private), CKR_OK, CKR_MECHANISM_PARAM_INVALID);
}
