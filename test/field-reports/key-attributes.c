/* key-attributes: encodings and rules of attributes when keys are made, imported, copied and changed
 * (PKCS#11 5.7, 5.18, 6.1, 6.3). */

#include "field.h"

static CK_BYTE digest[32] = {5}, out[1024];

TEST(public_exponents,
     "CKA_PUBLIC_EXPONENT of any length is a big-endian number, honoured exactly or refused, never replaced (6.1.4)") {
  CK_SESSION_HANDLE session = start();
  CK_BYTE large[33];
  memset(large, 0x5a, sizeof large);
  large[32] = 0x5b;
  const struct {
    const void *bytes;
    CK_ULONG size;
    enum { F4, EXACT, BAD } kind;
  } exponents[] = {{"\1\0\1", 3, F4},  {"\0\1\0\1", 4, F4}, {"\0\0\0\0\0\1\0\1", 8, F4},
                   {NULL, 0, F4},      {"\3", 1, EXACT},    {"\1\0\0\0\1", 5, EXACT},
                   {large, 33, EXACT}, {"\2", 1, BAD},      {"\1", 1, BAD},
                   {"", 0, BAD},       {"\0\0", 2, BAD}};
  for (size_t i = 0; i < COUNT(exponents); i++) {
    CK_ULONG bits = 1024, size = sizeof out;
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits),
                             ATTRIBUTE(CKA_VERIFY, yes),
                             {CKA_PUBLIC_EXPONENT, (void *)exponents[i].bytes, exponents[i].size}};
    CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_SIGN, yes)};
    struct key_pair pair;
    CK_RV rv = generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, public, exponents[i].bytes == NULL ? 2 : 3, private, 1,
                             &pair);
    if (exponents[i].kind == BAD || (exponents[i].kind == EXACT && rv != CKR_OK)) {
      ONE_OF(rv, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT);
      continue;
    }
    if (rv != CKR_OK) FAIL("exponent %zu: 0x%lx", i, rv);
    for (int half = 0; half < 2; half++) {
      struct bytes value = get(session, half == 0 ? pair.public : pair.private, CKA_PUBLIC_EXPONENT);
      CHECK(exponents[i].kind == F4 ? is(value, "\1\0\1", 3) : is(value, exponents[i].bytes, exponents[i].size));
    }
    OK(sign_raw(session, MECHANISM(CKM_SHA256_RSA_PKCS), pair.private, digest, 32, out, &size));
    CHECK(pkcs1_verifies(software_key(session, pair.public), EVP_sha256(), digest, 32, out, size));
  }
}

static CK_RV dated(CK_SESSION_HANDLE session, const char *begin, const char *end, CK_ULONG length,
                   struct key_pair *pair) {
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_VERIFY, yes)};
  CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_SIGN, yes),
                            {CKA_START_DATE, (void *)begin, begin == NULL ? 0 : length},
                            {CKA_END_DATE, (void *)end, end == NULL ? 0 : length}};
  return generate_pair(session, CKM_EC_KEY_PAIR_GEN, public, 2, private, 3, pair);
}

TEST(empty_dates,
     "dates that were not set are empty, and set ones come back; a date is 8 digits (common key attributes)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_p256(session);
  CHECK(get(session, pair.private, CKA_START_DATE).length == 0 && get(session, pair.public, CKA_END_DATE).length == 0);
  OK(dated(session, NULL, NULL, 0, &pair));
  CHECK(get(session, pair.private, CKA_START_DATE).length == 0);
  OK(dated(session, "20240229", "20991231", 8, &pair));
  CHECK(is(get(session, pair.private, CKA_START_DATE), "20240229", 8) &&
        is(get(session, pair.private, CKA_END_DATE), "20991231", 8));
  CK_ULONG size = 64;
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, out, &size));
  OK(set(session, pair.private, CKA_START_DATE, NULL, 0));
  CHECK(get(session, pair.private, CKA_START_DATE).length == 0);
  CHECK(is(get(session, pair.private, CKA_END_DATE), "20991231", 8));
  CK_RV rv = dated(session, "20241301", "20991231", 8, &pair);
  ONE_OF(rv, CKR_OK, CKR_ATTRIBUTE_VALUE_INVALID);
  ONE_OF(dated(session, "2024010", "2099123", 7, &pair), CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT);
  /* The token enforces them (documented), or it does not: they can be read in any case. */
  OK(dated(session, "20200101", "20201231", 8, &pair));
  CHECK(is(get(session, pair.private, CKA_START_DATE), "20200101", 8));
}

TEST(one_way,
     "what protects a key can be tightened but not loosened, and what the token says of a key is not changed (5.7.6)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_p256(session);
  CK_ULONG other_type = CKK_RSA, other_class = CKO_PUBLIC_KEY;
  const struct {
    CK_ATTRIBUTE_TYPE type;
    const void *value;
    CK_ULONG size;
  } changes[] = {{CKA_SENSITIVE, &no, 1},
                 {CKA_EXTRACTABLE, &yes, 1},
                 {CKA_LOCAL, &no, 1},
                 {CKA_ALWAYS_SENSITIVE, &no, 1},
                 {CKA_NEVER_EXTRACTABLE, &no, 1},
                 {CKA_KEY_TYPE, &other_type, 8},
                 {CKA_CLASS, &other_class, 8},
                 {CKA_TOKEN, &yes, 1}};
  for (size_t i = 0; i < COUNT(changes); i++) {
    struct bytes before = get(session, pair.private, changes[i].type);
    ONE_OF(set(session, pair.private, changes[i].type, changes[i].value, changes[i].size), CKR_ATTRIBUTE_READ_ONLY,
           CKR_TEMPLATE_INCONSISTENT);
    CHECK(is(get(session, pair.private, changes[i].type), before.at, before.length));
    /* One good and one bad: nothing changes. */
    CK_ATTRIBUTE mixed[] = {TEXT(CKA_LABEL, "changed"), {changes[i].type, (void *)changes[i].value, changes[i].size}};
    ONE_OF(p11->C_SetAttributeValue(session, pair.private, mixed, 2), CKR_ATTRIBUTE_READ_ONLY,
           CKR_TEMPLATE_INCONSISTENT);
    CHECK(is(get(session, pair.private, CKA_LABEL), "p256", 4));
  }
  OK(set(session, pair.private, CKA_SENSITIVE, &yes, 1));
  OK(set(session, pair.private, CKA_EXTRACTABLE, &no, 1));
  OK(set(session, pair.private, CKA_SIGN, &no, 1));
  EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_SignInit(session, MECHANISM(CKM_ECDSA), pair.private));
  ONE_OF(set(session, pair.private, CKA_SIGN, &yes, 1), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
}

TEST(prohibited_actions, "CKA_MODIFIABLE, CKA_DESTROYABLE and CKA_COPYABLE prohibit what they name (storage objects)") {
  CK_SESSION_HANDLE session = start();
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}};
  CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_SIGN, yes), ATTRIBUTE(CKA_MODIFIABLE, no), ATTRIBUTE(CKA_DESTROYABLE, no),
                            ATTRIBUTE(CKA_COPYABLE, no)};
  struct key_pair pair;
  CK_OBJECT_HANDLE copy;
  OK(generate_pair(session, CKM_EC_KEY_PAIR_GEN, public, 1, private, 4, &pair));
  EXPECT(CKR_ACTION_PROHIBITED, set(session, pair.private, CKA_LABEL, "new", 3));
  EXPECT(CKR_ACTION_PROHIBITED, p11->C_DestroyObject(session, pair.private));
  CK_ULONG size = 64;
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, out, &size));
  CK_RV rv = p11->C_CopyObject(session, pair.private, NULL, 0, &copy);
  ONE_OF(rv, CKR_ACTION_PROHIBITED, CKR_FUNCTION_NOT_SUPPORTED);
}

static CK_OBJECT_HANDLE secret(CK_SESSION_HANDLE session, CK_BBOOL extractable) {
  CK_ULONG length = 32;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_VALUE_LEN, length),
                             ATTRIBUTE(CKA_SENSITIVE, yes),
                             {CKA_EXTRACTABLE, &extractable, 1},
                             ATTRIBUTE(CKA_ENCRYPT, yes),
                             ATTRIBUTE(CKA_DECRYPT, yes)};
  CK_OBJECT_HANDLE key;
  OK(p11->C_GenerateKey(session, MECHANISM(CKM_AES_KEY_GEN), template, 5, &key));
  return key;
}

TEST(copies, "a copy of a secret key is never weaker than the key, and its value stays secret (5.7.2)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_KEY_GEN);
  CK_OBJECT_HANDLE key = secret(session, CK_FALSE), copy;
  struct bytes value;
  CK_ATTRIBUTE loosened[] = {ATTRIBUTE(CKA_SENSITIVE, no), ATTRIBUTE(CKA_EXTRACTABLE, yes)};
  for (int i = 0; i < 2; i++)
    ONE_OF(p11->C_CopyObject(session, key, loosened + i, 1, &copy), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
  ONE_OF(set(session, key, CKA_SENSITIVE, &no, 1), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
  ONE_OF(set(session, key, CKA_EXTRACTABLE, &yes, 1), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
  CK_ATTRIBUTE named[] = {TEXT(CKA_LABEL, "copy")};
  OK(p11->C_CopyObject(session, key, named, 1, &copy));
  CHECK(is(get(session, copy, CKA_LABEL), "copy", 4));
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, read_attribute(session, copy, CKA_VALUE, &value));
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, read_attribute(session, key, CKA_VALUE, &value));
  key = secret(session, CK_TRUE);
  CK_ATTRIBUTE tightened[] = {ATTRIBUTE(CKA_EXTRACTABLE, no)};
  OK(p11->C_CopyObject(session, key, tightened, 1, &copy));
  CHECK(!get_bool(session, copy, CKA_EXTRACTABLE) && !get_bool(session, copy, CKA_NEVER_EXTRACTABLE));
  CHECK(get_bool(session, copy, CKA_SENSITIVE));
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, read_attribute(session, copy, CKA_VALUE, &value));
}

/* Generates with one attribute more; 'p' in the public template, 's' in the private one. */
static CK_RV with(CK_SESSION_HANDLE session, char where, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG size) {
  CK_ATTRIBUTE public[3] = {{CKA_EC_PARAMS, EC_P256, 10}, ATTRIBUTE(CKA_VERIFY, yes), {type, (void *)value, size}};
  CK_ATTRIBUTE private[3] = {ATTRIBUTE(CKA_SIGN, yes), TEXT(CKA_LABEL, "x"), {type, (void *)value, size}};
  struct key_pair pair;
  return generate_pair(session, CKM_EC_KEY_PAIR_GEN, public, where == 'p' ? 3 : 2, private, where == 's' ? 3 : 2,
                       &pair);
}

TEST(attributes_of_the_token, "what only the token sets is refused in templates or is what the token sets; it never "
                              "wins (5.7, common key attributes)") {
  CK_SESSION_HANDLE session = start();
  CK_ULONG mechanism = CKM_EC_KEY_PAIR_GEN, wrong = CKM_RSA_PKCS_KEY_PAIR_GEN, rsa = CKK_RSA, ec = CKK_EC,
           private = CKO_PRIVATE_KEY, public = CKO_PUBLIC_KEY;
  for (const char *half = "ps"; *half != '\0'; half++) {
    ONE_OF(with(session, *half, CKA_LOCAL, &yes, 1), CKR_OK, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
    ONE_OF(with(session, *half, CKA_LOCAL, &no, 1), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
    ONE_OF(with(session, *half, CKA_KEY_GEN_MECHANISM, &mechanism, 8), CKR_OK, CKR_ATTRIBUTE_READ_ONLY,
           CKR_TEMPLATE_INCONSISTENT);
    ONE_OF(with(session, *half, CKA_KEY_GEN_MECHANISM, &wrong, 8), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
    ONE_OF(with(session, *half, CKA_UNIQUE_ID, "mine", 4), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
    OK(with(session, *half, CKA_CLASS, *half == 'p' ? &public : &private, 8));
    OK(with(session, *half, CKA_KEY_TYPE, &ec, 8));
    EXPECT(CKR_TEMPLATE_INCONSISTENT, with(session, *half, CKA_CLASS, *half == 's' ? &public : &private, 8));
    EXPECT(CKR_TEMPLATE_INCONSISTENT, with(session, *half, CKA_KEY_TYPE, &rsa, 8));
    ONE_OF(with(session, *half, CKA_TOKEN, "\2", 1), CKR_ATTRIBUTE_VALUE_INVALID);
    ONE_OF(with(session, *half, CKA_TOKEN, "\1\0\0\0", 4), CKR_ATTRIBUTE_VALUE_INVALID);
    ONE_OF(with(session, *half, CKA_TOKEN, NULL, 1), CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD);
  }
  ONE_OF(with(session, 's', CKA_ALWAYS_SENSITIVE, &no, 1), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
  ONE_OF(with(session, 's', CKA_NEVER_EXTRACTABLE, &no, 1), CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT);
  ONE_OF(with(session, 's', CKA_LABEL, "x", 1), CKR_OK, CKR_TEMPLATE_INCONSISTENT);
  EXPECT(CKR_TEMPLATE_INCONSISTENT, with(session, 's', CKA_LABEL, "y", 1));
  REFUSED(with(session, 's', CKA_VALUE, "secret", 6));
  struct key_pair pair = session_p256(session);
  for (int half = 0; half < 2; half++) {
    CK_OBJECT_HANDLE object = half == 0 ? pair.public : pair.private;
    CHECK(get_bool(session, object, CKA_LOCAL));
    CHECK(get_number(session, object, CKA_KEY_GEN_MECHANISM) == CKM_EC_KEY_PAIR_GEN);
  }
  CHECK(get_bool(session, pair.private, CKA_ALWAYS_SENSITIVE) &&
        get_bool(session, pair.private, CKA_NEVER_EXTRACTABLE));
}

TEST(incomplete_templates, "templates that lack what the mechanism needs are incomplete; the halves may be given in "
                           "the other's template only if legal (5.18.2)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair;
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE params[] = {{CKA_EC_PARAMS, EC_P256, 10}}, size[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits)};
  EXPECT(CKR_TEMPLATE_INCOMPLETE, generate_pair(session, CKM_EC_KEY_PAIR_GEN, NULL, 0, NULL, 0, &pair));
  EXPECT(CKR_TEMPLATE_INCOMPLETE, generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, NULL, 0, &pair));
  REFUSED(generate_pair(session, CKM_EC_KEY_PAIR_GEN, NULL, 0, params, 1, &pair));
  REFUSED(generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, size, 1, size, 1, &pair));
  OK(generate_pair(session, CKM_EC_KEY_PAIR_GEN, params, 1, NULL, 0, &pair));
}

TEST(public_key_info, "both halves of a pair tell CKA_PUBLIC_KEY_INFO, the SubjectPublicKeyInfo, so that private "
                      "halves alone are enough") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pairs[] = {session_rsa(session, 2048), session_p256(session),
                             generate(session, CKM_EC_EDWARDS_KEY_PAIR_GEN, EC_ED25519, 0, "ed", CK_FALSE)};
  for (size_t i = 0; i < COUNT(pairs); i++) {
    unsigned char *spki = NULL;
    EVP_PKEY *key = software_key(session, pairs[i].public);
    int length = i2d_PUBKEY(key, &spki);
    CHECK(length > 0);
    OK(p11->C_DestroyObject(session, pairs[i].public));
    CHECK(is(get(session, pairs[i].private, CKA_PUBLIC_KEY_INFO), spki, (size_t)length));
    /* What the public half told, the private one tells as well. */
    CHECK(EVP_PKEY_eq(key, software_key(session, pairs[i].private)) == 1);
    OPENSSL_free(spki);
  }
}
