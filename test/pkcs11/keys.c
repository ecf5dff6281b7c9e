/* keys MODULE: C_GenerateKey, C_DeriveKey, C_EncapsulateKey, C_DecapsulateKey. */

#include "readable.h"

static void check_generation(void) {
  CK_KEY_TYPE aes = CKK_AES;
  CK_ULONG length = 32, seven = 7;
  CK_MECHANISM generation = {CKM_AES_KEY_GEN, (void *)1, 55};
  CK_ATTRIBUTE template[] = READABLE(aes, length);
  CK_OBJECT_HANDLE key, other;
  OK(p11->C_GenerateKey(session, &generation, template, 6, &key));
  CHECK(read_value(key) == 32);
  CK_BYTE first[32];
  memcpy(first, value, 32);
  OK(p11->C_GenerateKey(session, &generation, template, 6, &other));
  CHECK(read_value(other) == 32 && memcmp(first, value, 32) != 0);
  /* Class and type follow from the mechanism; a key is sensitive if nothing else is said. */
  OK(p11->C_GenerateKey(session, &generation, template + 5, 1, &key));
  CK_ATTRIBUTE asked = {CKA_VALUE, value, sizeof value};
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(session, key, &asked, 1));
  CHECK(asked.ulValueLen == CK_UNAVAILABLE_INFORMATION);
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GenerateKey(session, NULL, template, 6, &key));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GenerateKey(session, &generation, NULL, 6, &key));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GenerateKey(session, &generation, template, 6, NULL));
  EXPECT(CKR_MECHANISM_INVALID, p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_AES_CBC, NULL, 0}, template, 6, &key));
  EXPECT(CKR_MECHANISM_INVALID,
         p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_EC_KEY_PAIR_GEN, NULL, 0}, template, 6, &key));
  EXPECT(CKR_TEMPLATE_INCOMPLETE, p11->C_GenerateKey(session, &generation, template, 5, &key));
  CK_ATTRIBUTE wrong[] = READABLE(aes, seven);
  CK_RV rv = p11->C_GenerateKey(session, &generation, wrong, 6, &key);
  CHECK(rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_KEY_SIZE_RANGE || rv == CKR_TEMPLATE_INCONSISTENT);
  CK_ATTRIBUTE secret[] = READABLE(generic, seven);
  OK(p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_GENERIC_SECRET_KEY_GEN, NULL, 0}, secret, 6, &key));
  CHECK(read_value(key) == 7);
  /* A token object needs a session that may write. */
  CK_SESSION_HANDLE reading;
  OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reading));
  template[2].pValue = &yes;
  EXPECT(CKR_SESSION_READ_ONLY, p11->C_GenerateKey(reading, &generation, template, 6, &key));
  OK(p11->C_CloseSession(reading));
}

/* RFC 7914, 11; both structures of the parameter. */
static void check_pbkdf2(void) {
  CK_ULONG length = 64, password_length = 6;
  CK_PKCS5_PBKD2_PARAMS2 params = {CKZ_SALT_SPECIFIED, "salt", 4, 1, CKP_PKCS5_PBKD2_HMAC_SHA256, NULL, 0,
                                   (CK_UTF8CHAR *)"passwd", 6};
  CK_MECHANISM mechanism = {CKM_PKCS5_PBKD2, &params, sizeof params};
  CK_ATTRIBUTE template[] = READABLE(generic, length);
  CK_OBJECT_HANDLE key;
  for (int i = 0; i < 2; i++) {
    OK(p11->C_GenerateKey(session, &mechanism, template, 6, &key));
    check_value(key, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                     "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
    params.ulPasswordLen = (CK_ULONG)&password_length;
  }
  CK_PKCS5_PBKD2_PARAMS2 good = params, bad[5] = {good, good, good, good, good};
  bad[0].saltSource = 2;
  bad[1].iterations = 0;
  bad[2].prf = 0;
  bad[3].pSaltSourceData = NULL;
  bad[4].prf = CKP_PKCS5_PBKD2_HMAC_SHA512_256 + 1;
  for (size_t i = 0; i < COUNT(bad); i++)
    EXPECT(CKR_MECHANISM_PARAM_INVALID,
           p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_PKCS5_PBKD2, &bad[i], sizeof bad[i]}, template, 6, &key));
}

static CK_ULONG read_point(CK_OBJECT_HANDLE key, CK_BYTE *point) {
  CK_ATTRIBUTE asked = {CKA_EC_POINT, point, 200};
  OK(p11->C_GetAttributeValue(session, key, &asked, 1));
  return asked.ulValueLen;
}

/* Both sides of a key agreement get the same secret, whichever form the point has. */
static void check_agreement(void) {
  static const struct {
    CK_MECHANISM_TYPE generation;
    const char *params;
    CK_ULONG params_length, field;
  } curves[] = {{CKM_EC_KEY_PAIR_GEN, EC_P256, 10, 32},
                {CKM_EC_KEY_PAIR_GEN, EC_P384, 7, 48},
                {CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "\x06\x03\x2b\x65\x6e", 5, 32},
                {CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "\x06\x03\x2b\x65\x6f", 5, 56}};
  for (size_t i = 0; i < COUNT(curves); i++) {
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, (void *)curves[i].params, curves[i].params_length}};
    CK_ATTRIBUTE private[] = {{CKA_DERIVE, &yes, 1}, {CKA_SENSITIVE, &no, 1}, {CKA_EXTRACTABLE, &yes, 1}};
    struct key_pair ours = make_pair(curves[i].generation, public, 1, private, 3);
    struct key_pair theirs = make_pair(curves[i].generation, public, 1, private, 3);
    CK_BYTE first[200], second[200], secret[64];
    CK_ULONG first_length = read_point(ours.public, first), second_length = read_point(theirs.public, second);
    CK_ULONG length = curves[i].field, header = first[1] == 0x81 ? 3 : 2;
    CK_ECDH1_DERIVE_PARAMS params = {CKD_NULL, 0, NULL, second_length, second};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_ATTRIBUTE template[] = READABLE(generic, length);
    CK_OBJECT_HANDLE key;
    OK(p11->C_DeriveKey(session, &mechanism, ours.private, template, 6, &key));
    CHECK(read_value(key) == length);
    memcpy(secret, value, length);
    params = (CK_ECDH1_DERIVE_PARAMS){CKD_NULL, 0, NULL, first_length - header, first + header};
    OK(p11->C_DeriveKey(session, &mechanism, theirs.private, template, 6, &key));
    CHECK(read_value(key) == length && memcmp(value, secret, length) == 0);
    params = (CK_ECDH1_DERIVE_PARAMS){CKD_SHA256_KDF, 4, (CK_BYTE *)"info", first_length, first};
    length = 100;
    OK(p11->C_DeriveKey(session, &mechanism, theirs.private, template, 6, &key));
    CHECK(read_value(key) == 100);
    CK_ECDH1_DERIVE_PARAMS bad[] = {{0, 0, NULL, first_length, first},
                                    {CKD_NULL, 4, (CK_BYTE *)"info", first_length, first},
                                    {CKD_SHA256_KDF, 4, NULL, first_length, first},
                                    {CKD_NULL, 0, NULL, 0, NULL},
                                    {CKD_NULL, 0, NULL, 5, NULL},
                                    {CKD_NULL, 0, NULL, 2000, first},
                                    {CKD_NULL, 0, NULL, first_length - header - 1, first + header}};
    for (size_t b = 0; b < COUNT(bad); b++) {
      params = bad[b];
      EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DeriveKey(session, &mechanism, ours.private, template, 6, &key));
    }
    mechanism.ulParameterLen--;
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DeriveKey(session, &mechanism, ours.private, template, 6, &key));
    mechanism = (CK_MECHANISM){CKM_ECDH1_DERIVE, &params, sizeof params};
    params = (CK_ECDH1_DERIVE_PARAMS){CKD_NULL, 0, NULL, first_length, first};
    EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_DeriveKey(session, &mechanism, 0, template, 6, &key));
  }
}

/* RFC 5869, A.1: at once, and its two steps after each other. */
static void check_hkdf(void) {
  CK_BYTE ikm[22], salt[13], info[10];
  memset(ikm, 0x0b, sizeof ikm);
  unhex("000102030405060708090a0b0c", salt);
  unhex("f0f1f2f3f4f5f6f7f8f9", info);
  CK_ATTRIBUTE usage[] = {{CKA_DERIVE, &yes, 1}};
  CK_OBJECT_HANDLE base = import_secret(CKK_GENERIC_SECRET, ikm, sizeof ikm, usage, 1), key;
  CK_OBJECT_HANDLE salt_key = import_secret(CKK_GENERIC_SECRET, salt, sizeof salt, usage, 1);
  CK_HKDF_PARAMS params = {CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_DATA, salt, 13, 0, info, 10};
  CK_MECHANISM mechanism = {CKM_HKDF_DERIVE, &params, sizeof params};
  CK_ULONG length = 42;
  CK_ATTRIBUTE template[] = READABLE(generic, length);
  OK(p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  check_value(key, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  params.ulSaltType = CKF_HKDF_SALT_KEY;
  params.hSaltKey = salt_key;
  OK(p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  check_value(key, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  params = (CK_HKDF_PARAMS){CK_TRUE, CK_FALSE, CKM_SHA256, CKF_HKDF_SALT_DATA, salt, 13, 0, NULL, 0};
  length = 32;
  OK(p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  check_value(key, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  CK_HKDF_PARAMS bad[] = {{CK_FALSE, CK_FALSE, CKM_SHA256, CKF_HKDF_SALT_NULL, NULL, 0, 0, NULL, 0},
                          {CK_TRUE, CK_TRUE, CKM_RSA_PKCS, CKF_HKDF_SALT_NULL, NULL, 0, 0, NULL, 0},
                          {CK_TRUE, CK_TRUE, CKM_SHA256, 3, salt, 13, 0, NULL, 0},
                          {CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_DATA, NULL, 13, 0, NULL, 0},
                          {CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_NULL, NULL, 0, 0, NULL, 10}};
  for (size_t i = 0; i < COUNT(bad); i++) {
    params = bad[i];
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  }
  params = (CK_HKDF_PARAMS){CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_KEY, NULL, 0, 999999, NULL, 0};
  EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
}

/* NIST SP 800-108 with HMAC: the counter mode by hand for one block, i || label || 00 || context || L. */
static void check_kbkdf(void) {
  CK_ATTRIBUTE usage[] = {{CKA_DERIVE, &yes, 1}, {CKA_SIGN, &yes, 1}};
  CK_BYTE bytes[32] = {7}, mac[32], input[] = "\0\0\0\x01label\0context\0\0\x01\0";
  CK_OBJECT_HANDLE base = import_secret(CKK_GENERIC_SECRET, bytes, 32, usage, 1), key;
  CK_OBJECT_HANDLE signing = import_secret(CKK_GENERIC_SECRET, bytes, 32, usage + 1, 1);
  CK_SP800_108_COUNTER_FORMAT counter = {CK_FALSE, 32};
  CK_SP800_108_DKM_LENGTH_FORMAT total = {CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, CK_FALSE, 32};
  CK_PRF_DATA_PARAM parts[] = {{CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof counter},
                               {CK_SP800_108_BYTE_ARRAY, "label", 5},
                               {CK_SP800_108_BYTE_ARRAY, "\0", 1},
                               {CK_SP800_108_BYTE_ARRAY, "context", 7},
                               {CK_SP800_108_DKM_LENGTH, &total, sizeof total}};
  CK_SP800_108_KDF_PARAMS params = {CKM_SHA256_HMAC, 5, parts, 0, NULL};
  CK_MECHANISM mechanism = {CKM_SP800_108_COUNTER_KDF, &params, sizeof params};
  CK_ULONG length = 32, size = sizeof mac;
  CK_ATTRIBUTE template[] = READABLE(generic, length);
  OK(p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  CHECK(read_value(key) == 32);
  OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_SHA256_HMAC, NULL, 0}, signing));
  OK(p11->C_Sign(session, input, sizeof input - 1, mac, &size));
  CHECK(memcmp(mac, value, 32) == 0);
  CK_SP800_108_FEEDBACK_KDF_PARAMS feedback = {CKM_SHA256_HMAC, 1, parts + 1, 3, (CK_BYTE *)"iv.", 0, NULL};
  CK_PRF_DATA_PARAM iteration[] = {{CK_SP800_108_ITERATION_VARIABLE, NULL, 0}, {CK_SP800_108_BYTE_ARRAY, "label", 5}};
  feedback.pDataParams = iteration;
  feedback.ulNumberOfDataParams = 2;
  OK(p11->C_DeriveKey(session, &(CK_MECHANISM){CKM_SP800_108_FEEDBACK_KDF, &feedback, sizeof feedback}, base, template,
                      6, &key));
  CHECK(read_value(key) == 32);
  params.pDataParams = iteration;
  params.ulNumberOfDataParams = 2;
  OK(p11->C_DeriveKey(session, &(CK_MECHANISM){CKM_SP800_108_DOUBLE_PIPELINE_KDF, &params, sizeof params}, base,
                      template, 6, &key));
  params = (CK_SP800_108_KDF_PARAMS){CKM_SHA256_HMAC, 5, parts, 0, NULL};
  CK_PRF_DATA_PARAM good = parts[0];
  parts[0].ulValueLen--;
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  parts[0] = (CK_PRF_DATA_PARAM){CK_SP800_108_KEY_HANDLE, &base, sizeof base};
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  parts[0] = good;
  params.ulAdditionalDerivedKeys = 1;
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
  params = (CK_SP800_108_KDF_PARAMS){CKM_SHA256, 5, parts, 0, NULL};
  EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DeriveKey(session, &mechanism, base, template, 6, &key));
}

static void check_encapsulation(void) {
  static const CK_ULONG sizes[] = {768, 1088, 1568};
  CK_MECHANISM mechanism = {CKM_ML_KEM, NULL, 0};
  CK_ULONG set, length = 32;
  CK_ATTRIBUTE public[] = {{CKA_PARAMETER_SET, &set, sizeof set}, {CKA_ENCAPSULATE, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_DECAPSULATE, &yes, 1}, {CKA_SENSITIVE, &no, 1}, {CKA_EXTRACTABLE, &yes, 1}};
  CK_ATTRIBUTE template[] = READABLE(generic, length);
  for (set = 1; set <= 3; set++) {
    struct key_pair pair = make_pair(CKM_ML_KEM_KEY_PAIR_GEN, public, 2, private, 3);
    CK_OBJECT_HANDLE key, same;
    CK_ULONG size = 0;
    OK(p32->C_EncapsulateKey(session, &mechanism, pair.public, template, 6, NULL, &size, NULL));
    CHECK(size == sizes[set - 1]);
    CK_BYTE *exact = guarded(size), secret[32];
    size--;
    EXPECT(CKR_BUFFER_TOO_SMALL, p32->C_EncapsulateKey(session, &mechanism, pair.public, template, 6, exact, &size, &key));
    OK(p32->C_EncapsulateKey(session, &mechanism, pair.public, template, 6, exact, &size, &key));
    CHECK(size == sizes[set - 1] && read_value(key) == 32);
    memcpy(secret, value, 32);
    OK(p32->C_DecapsulateKey(session, &mechanism, pair.private, template, 6, exact, size, &same));
    CHECK(read_value(same) == 32 && memcmp(secret, value, 32) == 0);
    /* Another ciphertext gives another key, not an error (FIPS 203, implicit rejection). */
    exact[9] ^= 1;
    OK(p32->C_DecapsulateKey(session, &mechanism, pair.private, template, 6, exact, size, &same));
    CHECK(read_value(same) == 32 && memcmp(secret, value, 32) != 0);
    EXPECT(CKR_WRAPPED_KEY_LEN_RANGE,
           p32->C_DecapsulateKey(session, &mechanism, pair.private, template, 6, exact, size - 1, &same));
    EXPECT(CKR_ARGUMENTS_BAD, p32->C_DecapsulateKey(session, &mechanism, pair.private, template, 6, NULL, size, &same));
    EXPECT(CKR_ARGUMENTS_BAD, p32->C_EncapsulateKey(session, &mechanism, pair.public, template, 6, exact, &size, NULL));
    EXPECT(CKR_KEY_HANDLE_INVALID, p32->C_EncapsulateKey(session, &mechanism, 0, template, 6, exact, &size, &key));
  }
  EXPECT(CKR_FUNCTION_NOT_SUPPORTED,
         p32->C_WrapKeyAuthenticated(session, &(CK_MECHANISM){CKM_AES_GCM, NULL, 0}, 0, 0, NULL, 0, NULL, &length));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  check_generation();
  check_pbkdf2();
  check_agreement();
  check_hkdf();
  check_kbkdf();
  check_encapsulation();
  OK(p11->C_Finalize(NULL));
  return 0;
}
