/* objects MODULE: all classes of objects, copies, changes, secret values, attributes that are templates, counted uses. */

#include "checks.h"

static CK_OBJECT_CLASS data_class = CKO_DATA, certificate_class = CKO_CERTIFICATE, private_class = CKO_PRIVATE_KEY;
static CK_BYTE buffer[4096];

/* Self-signed, of Ed25519, with the subject CN=a. */
#define CERTIFICATE                                                                                                    \
  "3082012e3081e1a00302010202143baf00d3bfad41a6cda5dc7cdf710a83fd6286b2300506032b6570300c310a300806035504030c0161"    \
  "3020170d3236313132353134343234305a180f32303534303431323134343234305a300c310a300806035504030c0161302a300506032b"    \
  "65700321007fe6e957ec6aa3717048f8af4922e1cade30be7cfe914bd6b96803d722407fcea3533051301d0603551d0e04160414aadb58"    \
  "788d9e21c74b3d7632e81cfb8cebe96e63301f0603551d23041830168014aadb58788d9e21c74b3d7632e81cfb8cebe96e63300f060355"    \
  "1d130101ff040530030101ff300506032b65700341009d6952f66071eb87e6b8b5c1428f057d8bf72403fbba007a68c0d361f7697c7b94"    \
  "c34ad2daf1b1e6b51e39f2205249db3e1e0a4d36a99b63435efcb212991800"

static CK_ULONG read_attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE asked = {type, buffer, sizeof buffer};
  CK_RV rv = p11->C_GetAttributeValue(session, object, &asked, 1);
  if (rv != CKR_OK) FAIL("attribute 0x%lx: 0x%lx", type, rv);
  return asked.ulValueLen;
}

static CK_ULONG read_number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ULONG number;
  CHECK(read_attribute(object, type) == sizeof number);
  memcpy(&number, buffer, sizeof number);
  return number;
}

static CK_BBOOL read_flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CHECK(read_attribute(object, type) == 1);
  return buffer[0];
}

/* Public and private data: the value of the private one is asked for only by those who read it. */
static void check_data(void) {
  for (int private = 0; private < 2; private++) {
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &data_class, sizeof data_class}, {CKA_TOKEN, &no, 1},
                               {CKA_PRIVATE, private ? &yes : &no, 1},      {CKA_LABEL, "note", 4},
                               {CKA_APPLICATION, "test", 4},                {CKA_VALUE, "some bytes", 10}};
    CK_OBJECT_HANDLE object, copy;
    CK_ULONG size = 0, more = 0;
    OK(p11->C_CreateObject(session, template, 6, &object));
    CHECK(read_attribute(object, CKA_VALUE) == 10 && memcmp(buffer, "some bytes", 10) == 0);
    CHECK(read_attribute(object, CKA_APPLICATION) == 4);
    OK(p11->C_GetObjectSize(session, object, &size));
    CHECK(size > 20 && size < 10000);
    EXPECT(CKR_ARGUMENTS_BAD, p11->C_GetObjectSize(session, object, NULL));
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(session, 999999, &size));
    /* A copy with another label. */
    CK_ATTRIBUTE label = {CKA_LABEL, "another label", 13};
    OK(p11->C_CopyObject(session, object, &label, 1, &copy));
    CHECK(copy != object);
    CHECK(read_attribute(copy, CKA_LABEL) == 13 && memcmp(buffer, "another label", 13) == 0);
    CHECK(read_attribute(copy, CKA_VALUE) == 10);
    OK(p11->C_GetObjectSize(session, copy, &more));
    CHECK(more == size + 9);
    OK(p11->C_DestroyObject(session, object));
    CHECK(read_attribute(copy, CKA_VALUE) == 10);
    EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_CopyObject(session, object, &label, 1, &copy));
    EXPECT(CKR_ARGUMENTS_BAD, p11->C_CopyObject(session, copy, &label, 1, NULL));
    EXPECT(CKR_ARGUMENTS_BAD, p11->C_CopyObject(session, copy, NULL, 1, &object));
    OK(p11->C_DestroyObject(session, copy));
  }
}

static void check_certificate(void) {
  CK_BYTE value[306], subject[14];
  CK_ULONG x509 = CKC_X_509;
  CHECK(unhex(CERTIFICATE, value) == sizeof value && unhex("300c310a300806035504030c0161", subject) == sizeof subject);
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &certificate_class, sizeof certificate_class},
                             {CKA_CERTIFICATE_TYPE, &x509, sizeof x509},
                             {CKA_TOKEN, &no, 1},
                             {CKA_SUBJECT, subject, sizeof subject},
                             {CKA_ID, "id", 2},
                             {CKA_VALUE, value, sizeof value}};
  CK_OBJECT_HANDLE object, found;
  CK_ULONG got;
  OK(p11->C_CreateObject(session, template, 6, &object));
  CHECK(read_attribute(object, CKA_VALUE) == sizeof value && memcmp(buffer, value, sizeof value) == 0);
  CHECK(read_number(object, CKA_CERTIFICATE_TYPE) == CKC_X_509);
  CK_ATTRIBUTE search[] = {{CKA_VALUE, value, sizeof value}, {CKA_CLASS, &certificate_class, sizeof certificate_class}};
  OK(p11->C_FindObjectsInit(session, search, 2));
  OK(p11->C_FindObjects(session, &found, 1, &got));
  OK(p11->C_FindObjectsFinal(session));
  CHECK(got == 1 && found == object);
  CK_ATTRIBUTE id = {CKA_ID, "another id", 10};
  OK(p11->C_SetAttributeValue(session, object, &id, 1));
  CHECK(read_attribute(object, CKA_ID) == 10);
  OK(p11->C_DestroyObject(session, object));
}

/* The secret numbers of a private key that may be read, beside public ones in one template. */
static void check_secret_values(void) {
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}};
  CK_ATTRIBUTE readable[] = {{CKA_SENSITIVE, &no, 1}, {CKA_EXTRACTABLE, &yes, 1}, {CKA_SIGN, &yes, 1}};
  CK_ATTRIBUTE sensitive[] = {{CKA_SENSITIVE, &yes, 1}, {CKA_EXTRACTABLE, &yes, 1}, {CKA_SIGN, &yes, 1}};
  struct key_pair open = make_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, public, 1, readable, 3);
  struct key_pair closed = make_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, public, 1, sensitive, 3);
  CK_BYTE exponent[256], prime[128], modulus[256];
  CK_ATTRIBUTE asked[] = {{CKA_MODULUS, modulus, sizeof modulus}, {CKA_PRIVATE_EXPONENT, exponent, sizeof exponent},
                          {CKA_PRIME_1, prime, sizeof prime}, {CKA_VALUE, prime, sizeof prime}};
  OK(p11->C_GetAttributeValue(session, open.private, asked, 3));
  CHECK(asked[1].ulValueLen >= 254 && asked[2].ulValueLen == 128 && asked[0].ulValueLen == 256);
  asked[2].pValue = NULL;
  OK(p11->C_GetAttributeValue(session, open.private, asked, 3));
  CHECK(asked[2].ulValueLen == 128);
  EXPECT(CKR_ATTRIBUTE_TYPE_INVALID, p11->C_GetAttributeValue(session, open.private, asked, 4));
  memset(modulus, 0, sizeof modulus);
  asked[0].ulValueLen = sizeof modulus;
  asked[1].ulValueLen = sizeof exponent;
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(session, closed.private, asked, 3));
  CHECK(asked[0].ulValueLen == 256 && (modulus[0] & 0x80) != 0);
  CHECK(asked[1].ulValueLen == CK_UNAVAILABLE_INFORMATION && asked[2].ulValueLen == CK_UNAVAILABLE_INFORMATION);
  /* Sensitive for ever, and the value is gone for us. */
  CK_ATTRIBUTE now = {CKA_SENSITIVE, &yes, 1}, back = {CKA_SENSITIVE, &no, 1};
  OK(p11->C_SetAttributeValue(session, open.private, &now, 1));
  asked[1].ulValueLen = sizeof exponent;
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(session, open.private, asked, 2));
  CHECK(p11->C_SetAttributeValue(session, open.private, &back, 1) != CKR_OK);
  /* An elliptic key in its own form. */
  CK_ATTRIBUTE curve[] = {{CKA_EC_PARAMS, EC_P256, 10}};
  struct key_pair ec = make_pair(CKM_EC_KEY_PAIR_GEN, curve, 1, readable, 3);
  CHECK(read_attribute(ec.private, CKA_VALUE) == 32);
}

/* CKA_WRAP_TEMPLATE and the like: what was given comes back member by member. */
static void check_nested(void) {
  CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
  CK_ULONG length = 32;
  CK_ATTRIBUTE inner[] = {{CKA_KEY_TYPE, &generic, sizeof generic}, {CKA_LABEL, "inner", 5}};
  CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, 1}, {CKA_VALUE_LEN, &length, sizeof length}, {CKA_UNWRAP, &yes, 1},
                             {CKA_WRAP, &yes, 1}, {CKA_UNWRAP_TEMPLATE, inner, sizeof inner}};
  CK_MECHANISM generation = {CKM_AES_KEY_GEN, NULL, 0};
  CK_OBJECT_HANDLE key;
  OK(p11->C_GenerateKey(session, &generation, template, 5, &key));
  CK_ATTRIBUTE members[3] = {{0, NULL, 0}, {0, NULL, 0}, {0, NULL, 0}}, asked = {CKA_UNWRAP_TEMPLATE, NULL, 0};
  OK(p11->C_GetAttributeValue(session, key, &asked, 1));
  CHECK(asked.ulValueLen == 2 * sizeof(CK_ATTRIBUTE));
  asked.pValue = members;
  asked.ulValueLen--;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetAttributeValue(session, key, &asked, 1));
  asked.ulValueLen = sizeof members;
  OK(p11->C_GetAttributeValue(session, key, &asked, 1));
  CHECK(asked.ulValueLen == 2 * sizeof(CK_ATTRIBUTE));
  CHECK(members[0].ulValueLen + members[1].ulValueLen == sizeof generic + 5);
  for (int i = 0; i < 2; i++) members[i].pValue = buffer + 100 * i;
  CK_ULONG right = members[1].ulValueLen;
  members[1].ulValueLen--;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetAttributeValue(session, key, &asked, 1));
  members[1].ulValueLen = right;
  members[0].ulValueLen = 100;
  OK(p11->C_GetAttributeValue(session, key, &asked, 1));
  for (int i = 0; i < 2; i++) {
    if (members[i].type == CKA_LABEL) CHECK(memcmp(members[i].pValue, "inner", 5) == 0);
    else CHECK(members[i].type == CKA_KEY_TYPE && memcmp(members[i].pValue, &generic, sizeof generic) == 0);
  }
  CK_ATTRIBUTE deep[] = {{CKA_UNWRAP_TEMPLATE, inner, sizeof inner}}, broken[] = {{CKA_LABEL, NULL, 5}};
  template[4] = (CK_ATTRIBUTE){CKA_UNWRAP_TEMPLATE, inner, sizeof inner - 1};
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_GenerateKey(session, &generation, template, 5, &key));
  template[4] = (CK_ATTRIBUTE){CKA_UNWRAP_TEMPLATE, deep, sizeof deep};
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_GenerateKey(session, &generation, template, 5, &key));
  template[4] = (CK_ATTRIBUTE){CKA_UNWRAP_TEMPLATE, broken, sizeof broken};
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_GenerateKey(session, &generation, template, 5, &key));
}

/* CKA_ALLOWED_MECHANISMS and the vendor attributes that count uses. */
static void check_restrictions(void) {
  CK_MECHANISM_TYPE allowed[] = {CKM_ECDSA_SHA256};
  CK_ULONG limit = 3, size = 64;
  CK_BYTE signature[64];
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, {CKA_VERIFY, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, 1}, {CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed},
                            {CKA_DKS_USE_LIMIT, &limit, sizeof limit}};
  struct key_pair pair = make_pair(CKM_EC_KEY_PAIR_GEN, public, 2, private, 3);
  CHECK(read_attribute(pair.private, CKA_ALLOWED_MECHANISMS) == sizeof allowed);
  CHECK(memcmp(buffer, allowed, sizeof allowed) == 0);
  EXPECT(CKR_MECHANISM_INVALID, p11->C_SignInit(session, &(CK_MECHANISM){CKM_ECDSA, NULL, 0}, pair.private));
  for (CK_ULONG i = 0; i < limit; i++) {
    CHECK(read_number(pair.private, CKA_DKS_USE_COUNT) == i);
    OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_ECDSA_SHA256, NULL, 0}, pair.private));
    OK(p11->C_Sign(session, buffer, 10, NULL, &size));
    OK(p11->C_Sign(session, buffer, 10, signature, &size));
  }
  OK(p11->C_SignInit(session, &(CK_MECHANISM){CKM_ECDSA_SHA256, NULL, 0}, pair.private));
  EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_Sign(session, buffer, 10, signature, &size));
  CHECK(read_number(pair.private, CKA_DKS_USE_COUNT) == limit);
}

/* Parts of one operation are one use of a key with a limit. */
static void check_counted_parts(void) {
  CK_BYTE iv[16] = {0}, output[96], data[20] = {1, 2, 3};
  CK_ULONG limit = 2, length = 16, size;
  CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, 1}, {CKA_VALUE_LEN, &length, sizeof length}, {CKA_ENCRYPT, &yes, 1},
                             {CKA_DECRYPT, &yes, 1}, {CKA_DKS_USE_LIMIT, &limit, sizeof limit}};
  CK_OBJECT_HANDLE key;
  CK_MECHANISM mechanism = {CKM_AES_CBC_PAD, iv, 16};
  OK(p11->C_GenerateKey(session, &(CK_MECHANISM){CKM_AES_KEY_GEN, NULL, 0}, template, 5, &key));
  OK(p11->C_EncryptInit(session, &mechanism, key));
  for (int i = 0; i < 4; i++) {
    size = sizeof output;
    OK(p11->C_EncryptUpdate(session, data, 20, output, &size));
  }
  size = sizeof output;
  OK(p11->C_EncryptFinal(session, output, &size));
  CHECK(size == 96 && read_number(key, CKA_DKS_USE_COUNT) == 1);
  CK_BYTE opened[96];
  CK_ULONG opened_size = sizeof opened;
  OK(p11->C_DecryptInit(session, &mechanism, key));
  OK(p11->C_Decrypt(session, output, 96, opened, &opened_size));
  CHECK(opened_size == 80 && memcmp(opened, data, 20) == 0);
  OK(p11->C_EncryptInit(session, &mechanism, key));
  EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_Encrypt(session, data, 20, output, &size));
}

static void check_flags(void) {
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}};
  CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, 1}, {CKA_COPYABLE, &no, 1}, {CKA_MODIFIABLE, &no, 1}};
  struct key_pair pair = make_pair(CKM_EC_KEY_PAIR_GEN, public, 1, private, 3);
  CK_OBJECT_HANDLE copy;
  CK_ATTRIBUTE label = {CKA_LABEL, "x", 1};
  EXPECT(CKR_ACTION_PROHIBITED, p11->C_CopyObject(session, pair.private, &label, 1, &copy));
  EXPECT(CKR_ACTION_PROHIBITED, p11->C_SetAttributeValue(session, pair.private, &label, 1));
  CHECK(read_flag(pair.private, CKA_LOCAL) == CK_TRUE && read_flag(pair.private, CKA_SENSITIVE) == CK_TRUE);
  CHECK(read_number(pair.private, CKA_CLASS) == private_class);
  CHECK(read_attribute(pair.private, CKA_UNIQUE_ID) > 0);
  CHECK(read_number(pair.private, CKA_KEY_GEN_MECHANISM) == CKM_EC_KEY_PAIR_GEN);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  begin_checks(argv[1]);
  check_data();
  check_certificate();
  check_secret_values();
  check_nested();
  check_restrictions();
  check_counted_parts();
  check_flags();
  OK(p11->C_Finalize(NULL));
  return 0;
}
