/* imports: private keys that come from elsewhere: order and form of their attributes, and what the token makes of them
 * (PKCS#11 5.7.1, 6.3.4). */

#include "field.h"

static CK_BYTE digest[32] = {5}, out[1024];

/* The private key in the form of CKA_ attributes, from OpenSSL. */
struct private_key {
  CK_ATTRIBUTE attributes[16];
  CK_ULONG count;
  CK_OBJECT_CLASS class;
  CK_KEY_TYPE type;
  EVP_PKEY *key;
  CK_BYTE storage[8][600];
};

static void add_number(struct private_key *private, CK_ATTRIBUTE_TYPE type, const char *name) {
  BIGNUM *number = NULL;
  CK_BYTE *at = private->storage[private->count % 8];
  CHECK(EVP_PKEY_get_bn_param(private->key, name, &number) == 1);
  int size = BN_bn2bin(number, at);
  BN_clear_free(number);
  private->attributes[private->count++] = (CK_ATTRIBUTE){type, at, (CK_ULONG)size};
}

static void make_private(struct private_key *private, CK_KEY_TYPE type) {
  memset(private, 0, sizeof *private);
  private->class = CKO_PRIVATE_KEY;
  private->type = type;
  if (type == CKK_RSA) {
    private->key = EVP_RSA_gen(2048);
    add_number(private, CKA_MODULUS, "n");
    add_number(private, CKA_PUBLIC_EXPONENT, "e");
    add_number(private, CKA_PRIVATE_EXPONENT, "d");
    add_number(private, CKA_PRIME_1, "rsa-factor1");
    add_number(private, CKA_PRIME_2, "rsa-factor2");
    add_number(private, CKA_EXPONENT_1, "rsa-exponent1");
    add_number(private, CKA_EXPONENT_2, "rsa-exponent2");
    add_number(private, CKA_COEFFICIENT, "rsa-coefficient1");
  } else if (type == CKK_EC) {
    private->key = EVP_EC_gen("P-256");
    add_number(private, CKA_VALUE, "priv");
    private->attributes[private->count++] = (CK_ATTRIBUTE){CKA_EC_PARAMS, EC_P256, 10};
  } else {
    size_t size = 32;
    private->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CHECK(EVP_PKEY_get_raw_private_key(private->key, private->storage[0], &size) == 1);
    private->attributes[private->count++] = (CK_ATTRIBUTE){CKA_VALUE, private->storage[0], size};
    private->attributes[private->count++] = (CK_ATTRIBUTE){CKA_EC_PARAMS, EC_ED25519, 5};
  }
  CK_ATTRIBUTE common[] = {ATTRIBUTE(CKA_CLASS, private->class), ATTRIBUTE(CKA_KEY_TYPE, private->type),
                           ATTRIBUTE(CKA_SIGN, yes), ATTRIBUTE(CKA_SENSITIVE, yes)};
  memcpy(private->attributes + private->count, common, sizeof common);
  private->count += COUNT(common);
}

static void check_imported(CK_SESSION_HANDLE session, const struct private_key *private, CK_OBJECT_HANDLE object) {
  CK_ULONG size = sizeof out;
  CK_MECHANISM_TYPE type = private->type == CKK_RSA  ? CKM_SHA256_RSA_PKCS
                           : private->type == CKK_EC ? CKM_ECDSA
                                                     : CKM_EDDSA;
  OK(sign_raw(session, MECHANISM(type), object, digest, 32, out, &size));
  if (type == CKM_SHA256_RSA_PKCS) CHECK(pkcs1_verifies(private->key, EVP_sha256(), digest, 32, out, size));
  else if (type == CKM_ECDSA) CHECK(ecdsa_verifies(private->key, digest, 32, out, size));
  else CHECK(eddsa_verifies(private->key, digest, 32, out, size));
  unsigned char *spki = NULL;
  int length = i2d_PUBKEY(private->key, &spki);
  CHECK(is(get(session, object, CKA_PUBLIC_KEY_INFO), spki, (size_t)length));
  CHECK(!get_bool(session, object, CKA_LOCAL) && !get_bool(session, object, CKA_ALWAYS_SENSITIVE) &&
        !get_bool(session, object, CKA_NEVER_EXTRACTABLE));
  CHECK(get_number(session, object, CKA_KEY_GEN_MECHANISM) == CK_UNAVAILABLE_INFORMATION);
  struct bytes value;
  EXPECT(CKR_ATTRIBUTE_SENSITIVE,
         read_attribute(session, object, private->type == CKK_RSA ? CKA_PRIVATE_EXPONENT : CKA_VALUE, &value));
}

TEST(imported_private_keys,
     "private keys are imported whatever the order of the attributes; the public value is the key's (5.7.1)") {
  CK_SESSION_HANDLE session = start();
  static const CK_KEY_TYPE types[] = {CKK_RSA, CKK_EC, CKK_EC_EDWARDS};
  for (size_t t = 0; t < COUNT(types); t++) {
    static struct private_key private;
    make_private(&private, types[t]);
    for (int turn = 0; turn < 10; turn++) {
      CK_ATTRIBUTE first = private.attributes[0];
      CK_ULONG last = private.count - 1, other = (CK_ULONG)turn * 5 % private.count;
      memmove(private.attributes, private.attributes + 1, last * sizeof first);
      private.attributes[last] = private.attributes[other];
      private.attributes[other] = first;
      CK_OBJECT_HANDLE object;
      CK_RV rv = p11->C_CreateObject(session, private.attributes, private.count, &object);
      if (t == 0 && turn == 0 &&
          (rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED)) {
        puts("private keys cannot be imported");
        exit(SKIPPED);
      }
      if (rv != CKR_OK) FAIL("type %zu turn %d: 0x%lx", t, turn, rv);
      check_imported(session, &private, object);
      OK(p11->C_DestroyObject(session, object));
    }
    EVP_PKEY *stranger = EVP_EC_gen("P-256");
    unsigned char *wrong = NULL, *right = NULL;
    int wrong_length = i2d_PUBKEY(stranger, &wrong), right_length = i2d_PUBKEY(private.key, &right);
    CK_OBJECT_HANDLE object;
    private.attributes[private.count] = (CK_ATTRIBUTE){CKA_PUBLIC_KEY_INFO, wrong, (CK_ULONG)wrong_length};
    EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(session, private.attributes, private.count + 1, &object));
    private.attributes[private.count] = (CK_ATTRIBUTE){CKA_PUBLIC_KEY_INFO, right, (CK_ULONG)right_length};
    OK(p11->C_CreateObject(session, private.attributes, private.count + 1, &object));
    check_imported(session, &private, object);
    private.attributes[private.count] = (CK_ATTRIBUTE){CKA_PUBLIC_KEY_INFO, "", 0};
    OK(p11->C_CreateObject(session, private.attributes, private.count + 1, &object));
    if (private.type == CKK_RSA) continue;
    struct bytes point = get(session, object, CKA_EC_POINT);
    private.attributes[private.count] = (CK_ATTRIBUTE){CKA_EC_POINT, point.at, point.length};
    OK(p11->C_CreateObject(session, private.attributes, private.count + 1, &object));
    point.at[point.length - 1] ^= 1;
    EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(session, private.attributes, private.count + 1, &object));
  }
}

static CK_RV import_scalar(CK_SESSION_HANDLE session, const char *params, CK_ULONG params_size, const CK_BYTE *value,
                           CK_ULONG size, CK_OBJECT_HANDLE *object) {
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_KEY_TYPE type = params_size == 5 ? CKK_EC_EDWARDS : CKK_EC;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class),
                             ATTRIBUTE(CKA_KEY_TYPE, type),
                             ATTRIBUTE(CKA_SIGN, yes),
                             {CKA_EC_PARAMS, (void *)params, params_size},
                             {CKA_VALUE, (void *)value, size}};
  return p11->C_CreateObject(session, template, 5, object);
}

TEST(imported_scalars, "an EC private value with leading zeros, without them, or with one more is the same key; 0 and "
                       "values past the order are none (6.3.4)") {
  CK_SESSION_HANDLE session = start();
  CK_BYTE p256[33] = {0}, p521[67] = {0};
  CK_OBJECT_HANDLE object;
  memset(p256 + 3, 0x77, 30); /* the value has 32 bytes, the first two are zero */
  memset(p521 + 3, 0x55, 64);
  CK_RV rv = import_scalar(session, EC_P256, 10, p256 + 1, 32, &object);
  if (rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED) {
    puts("private keys cannot be imported");
    exit(SKIPPED);
  }
  OK(rv);
  struct bytes expected = get(session, object, CKA_EC_POINT);
  const CK_ULONG skipped[] = {1, 3, 0, 2};
  for (size_t i = 0; i < COUNT(skipped); i++) {
    OK(import_scalar(session, EC_P256, 10, p256 + skipped[i], 33 - skipped[i], &object));
    CHECK(is(get(session, object, CKA_EC_POINT), expected.at, expected.length));
    CK_ULONG size = 64;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), object, digest, 32, out, &size));
    CHECK(ecdsa_verifies(software_key(session, object), digest, 32, out, size));
    OK(import_scalar(session, EC_P521, 7, p521 + skipped[i], 67 - skipped[i], &object));
    size = 132;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), object, digest, 32, out, &size));
    CHECK(ecdsa_verifies(software_key(session, object), digest, 32, out, size));
  }
  BIGNUM *order = NULL;
  EVP_PKEY *key = EVP_EC_gen("P-256");
  CHECK(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_ORDER, &order) == 1);
  CK_BYTE value[40] = {0};
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_scalar(session, EC_P256, 10, value, 32, &object));
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_scalar(session, EC_P256, 10, value, 0, &object));
  for (int i = 0; i < 2; i++) {
    BN_bn2bin(order, value);
    EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_scalar(session, EC_P256, 10, value, 32, &object));
    BN_add_word(order, 1);
  }
  memset(value, 0x42, sizeof value);
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_scalar(session, EC_P256, 10, value, 40, &object));
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_scalar(session, EC_ED25519, 5, value, 31, &object));
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_scalar(session, EC_ED25519, 5, value, 33, &object));
}
