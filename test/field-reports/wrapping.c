/* wrapping: what becomes of a key that leaves wrapped and comes back, of its length, and of templates that bind it
 * (PKCS#11 5.18). */

#include "field.h"

static CK_BYTE blob[1024], iv[16];
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE aes_type = CKK_AES;

static CK_OBJECT_HANDLE make_secret(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_ULONG length,
                                    CK_ATTRIBUTE *more, CK_ULONG count) {
  CK_ATTRIBUTE template[12] = {ATTRIBUTE(CKA_VALUE_LEN, length), ATTRIBUTE(CKA_TOKEN, no)};
  memcpy(template + 2, more, count * sizeof *more);
  CK_OBJECT_HANDLE key;
  OK(p11->C_GenerateKey(session, MECHANISM(type), template, count + 2, &key));
  return key;
}

static CK_OBJECT_HANDLE wrapping_key(CK_SESSION_HANDLE session) {
  CK_ATTRIBUTE uses[] = {ATTRIBUTE(CKA_WRAP, yes), ATTRIBUTE(CKA_UNWRAP, yes), ATTRIBUTE(CKA_SENSITIVE, yes),
                         ATTRIBUTE(CKA_EXTRACTABLE, no)};
  return make_secret(session, CKM_AES_KEY_GEN, 32, uses, 4);
}

/* A key that may leave and is no secret, so that any mechanism may wrap it. */
static CK_OBJECT_HANDLE open_key(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_ULONG length) {
  CK_ATTRIBUTE uses[] = {ATTRIBUTE(CKA_SENSITIVE, no), ATTRIBUTE(CKA_EXTRACTABLE, yes)};
  return make_secret(session, type, length, uses, 2);
}

static CK_RV wrap(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key,
                  CK_ULONG *size) {
  *size = sizeof blob;
  return p11->C_WrapKey(session, mechanism, by, key, blob, size);
}

/* Unwraps as a key of a type, with CKA_VALUE_LEN if it is not ~0. */
static CK_RV unwrap(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by, CK_ULONG size,
                    CK_KEY_TYPE type, CK_ULONG length, CK_OBJECT_HANDLE *key) {
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, secret_class), ATTRIBUTE(CKA_KEY_TYPE, type),
                             ATTRIBUTE(CKA_VALUE_LEN, length)};
  return p11->C_UnwrapKey(session, mechanism, by, blob, size, template, length == ~0UL ? 2 : 3, key);
}

static void check_unwrapped(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ULONG length) {
  CHECK(get_number(session, key, CKA_VALUE_LEN) == length);
  CHECK(!get_bool(session, key, CKA_LOCAL) && !get_bool(session, key, CKA_ALWAYS_SENSITIVE) &&
        !get_bool(session, key, CKA_NEVER_EXTRACTABLE));
  CHECK(get_number(session, key, CKA_KEY_GEN_MECHANISM) == CK_UNAVAILABLE_INFORMATION);
}

TEST(unwrapped_lengths, "an unwrapped AES key tells its length, and that it was not made here (5.18.4, 6.10.2)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_KEY_WRAP);
  CK_OBJECT_HANDLE by = wrapping_key(session), key;
  CK_MECHANISM mechanisms[] = {{CKM_AES_KEY_WRAP, NULL, 0}, {CKM_AES_KEY_WRAP_KWP, NULL, 0}, {CKM_AES_CBC_PAD, iv, 16}};
  const CK_ULONG lengths[] = {16, 24, 32};
  for (size_t m = 0; m < COUNT(mechanisms); m++) {
    if (!lists(mechanisms[m].mechanism)) continue;
    for (size_t l = 0; l < COUNT(lengths); l++) {
      CK_ULONG size;
      CK_OBJECT_HANDLE original = open_key(session, CKM_AES_KEY_GEN, lengths[l]);
      CK_RV rv = wrap(session, &mechanisms[m], by, original, &size);
      if (m == 2 && rv != CKR_OK) { /* no integrity: a policy may say no */
        REFUSED(rv);
        continue;
      }
      OK(rv);
      OK(unwrap(session, &mechanisms[m], by, size, CKK_AES, ~0UL, &key));
      check_unwrapped(session, key, lengths[l]);
    }
  }
}

TEST(unwrapped_by_rsa, "a key wrapped with RSA comes back as it was (6.1.6, 6.1.8)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_RSA_PKCS_OAEP);
  CK_ULONG bits = 2048, oaep[] = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, 0, 0};
  CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits), ATTRIBUTE(CKA_WRAP, yes)},
               private[] = {ATTRIBUTE(CKA_UNWRAP, yes)};
  struct key_pair pair;
  OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), public, 2, private, 1, &pair.public,
                            &pair.private));
  CK_MECHANISM mechanisms[] = {{CKM_RSA_PKCS_OAEP, oaep, sizeof oaep}, {CKM_RSA_PKCS, NULL, 0}};
  for (int m = 0; m < 2; m++)
    for (CK_ULONG length = 16; length <= 32; length += 8) {
      CK_ULONG size;
      CK_OBJECT_HANDLE original = open_key(session, CKM_AES_KEY_GEN, length), key;
      CK_RV rv = wrap(session, &mechanisms[m], pair.public, original, &size);
      if (rv == CKR_MECHANISM_INVALID) continue;
      OK(rv);
      CHECK(size == 256);
      OK(unwrap(session, &mechanisms[m], pair.private, size, CKK_AES, ~0UL, &key));
      check_unwrapped(session, key, length);
    }
  CK_ULONG size;
  CK_OBJECT_HANDLE long_secret = open_key(session, CKM_GENERIC_SECRET_KEY_GEN, 246);
  CK_RV rv = wrap(session, &mechanisms[1], pair.public, long_secret, &size);
  ONE_OF(rv, CKR_KEY_SIZE_RANGE, CKR_KEY_NOT_WRAPPABLE, CKR_MECHANISM_INVALID);
}

TEST(length_in_template, "CKA_VALUE_LEN in an unwrap template may say what is so, and nothing else (5.18.4)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_KEY_WRAP_KWP);
  CK_OBJECT_HANDLE by = wrapping_key(session), key;
  CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  CK_KEY_TYPE types[] = {CKK_AES, CKK_GENERIC_SECRET};
  CK_ULONG size, before = count_of(session, NULL, 0);
  OK(wrap(session, &mechanism, by, open_key(session, CKM_AES_KEY_GEN, 32), &size));
  before++;
  for (int t = 0; t < 2; t++) {
    OK(unwrap(session, &mechanism, by, size, types[t], ~0UL, &key));
    CHECK(get_number(session, key, CKA_VALUE_LEN) == 32);
    OK(unwrap(session, &mechanism, by, size, types[t], 32, &key));
    before += 2;
    const CK_ULONG wrong[] = {16, 24, 33, 0};
    for (size_t i = 0; i < COUNT(wrong); i++)
      ONE_OF(unwrap(session, &mechanism, by, size, types[t], wrong[i], &key), CKR_WRAPPED_KEY_LEN_RANGE,
             CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK(count_of(session, NULL, 0) == before);
  }
  const CK_ULONG odd[] = {20, 17};
  for (int i = 0; i < 2; i++) {
    OK(wrap(session, &mechanism, by, open_key(session, CKM_GENERIC_SECRET_KEY_GEN, odd[i]), &size));
    before++;
    ONE_OF(unwrap(session, &mechanism, by, size, CKK_AES, ~0UL, &key), CKR_WRAPPED_KEY_LEN_RANGE,
           CKR_WRAPPED_KEY_INVALID, CKR_TEMPLATE_INCONSISTENT);
    CHECK(count_of(session, NULL, 0) == before);
    OK(unwrap(session, &mechanism, by, size, CKK_GENERIC_SECRET, ~0UL, &key));
    before++;
    CHECK(get_number(session, key, CKA_VALUE_LEN) == odd[i]);
  }
  const CK_ULONG extremes[] = {1, 200};
  for (int i = 0; i < 2; i++) {
    OK(wrap(session, &mechanism, by, open_key(session, CKM_GENERIC_SECRET_KEY_GEN, extremes[i]), &size));
    OK(unwrap(session, &mechanism, by, size, CKK_GENERIC_SECRET, ~0UL, &key));
    CHECK(get_number(session, key, CKA_VALUE_LEN) == extremes[i]);
  }
}

TEST(broken_blobs, "what was not wrapped by the key is refused, and leaves nothing behind (5.18.4)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_KEY_WRAP_KWP);
  CK_OBJECT_HANDLE by = wrapping_key(session), other = wrapping_key(session), key;
  CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  CK_ULONG size;
  OK(wrap(session, &mechanism, by, open_key(session, CKM_AES_KEY_GEN, 32), &size));
  CK_ULONG before = count_of(session, NULL, 0);
  ONE_OF(unwrap(session, &mechanism, other, size, CKK_AES, ~0UL, &key), CKR_WRAPPED_KEY_INVALID,
         CKR_WRAPPED_KEY_LEN_RANGE);
  for (CK_ULONG i = 0; i < size; i += 7) {
    blob[i] ^= 1;
    ONE_OF(unwrap(session, &mechanism, by, size, CKK_AES, ~0UL, &key), CKR_WRAPPED_KEY_INVALID,
           CKR_WRAPPED_KEY_LEN_RANGE);
    blob[i] ^= 1;
  }
  const CK_ULONG lengths[] = {0, 1, 8, 16, size - 1, size - 8, size + 8};
  for (size_t i = 0; i < COUNT(lengths); i++)
    ONE_OF(unwrap(session, &mechanism, by, lengths[i], CKK_AES, ~0UL, &key), CKR_WRAPPED_KEY_INVALID,
           CKR_WRAPPED_KEY_LEN_RANGE);
  CHECK(count_of(session, NULL, 0) == before);
}

TEST(unwrap_template, "CKA_UNWRAP_TEMPLATE binds every key that is unwrapped (5.18.4)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_KEY_WRAP_KWP);
  char *label = strdup("bound");
  CK_ATTRIBUTE *inner = malloc(3 * sizeof *inner);
  CK_ATTRIBUTE inside[] = {ATTRIBUTE(CKA_SENSITIVE, yes), ATTRIBUTE(CKA_EXTRACTABLE, no), {CKA_LABEL, label, 5}};
  memcpy(inner, inside, sizeof inside);
  CK_ATTRIBUTE uses[] = {ATTRIBUTE(CKA_WRAP, yes),
                         ATTRIBUTE(CKA_UNWRAP, yes),
                         ATTRIBUTE(CKA_SENSITIVE, yes),
                         ATTRIBUTE(CKA_EXTRACTABLE, no),
                         {CKA_UNWRAP_TEMPLATE, inner, 3 * sizeof *inner}};
  CK_OBJECT_HANDLE by = make_secret(session, CKM_AES_KEY_GEN, 32, uses, 5), key;
  memset(label, '?', 5);
  memset(inner, 0xff, 3 * sizeof *inner);
  CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  CK_ULONG size;
  OK(wrap(session, &mechanism, by, open_key(session, CKM_AES_KEY_GEN, 32), &size));
  CK_ATTRIBUTE equal[] = {ATTRIBUTE(CKA_CLASS, secret_class), ATTRIBUTE(CKA_KEY_TYPE, aes_type),
                          ATTRIBUTE(CKA_EXTRACTABLE, no), TEXT(CKA_LABEL, "bound")};
  CK_ATTRIBUTE other[] = {ATTRIBUTE(CKA_CLASS, secret_class), ATTRIBUTE(CKA_KEY_TYPE, aes_type),
                          ATTRIBUTE(CKA_EXTRACTABLE, yes)};
  for (CK_ULONG count = 2; count <= 4; count += 2) {
    OK(p11->C_UnwrapKey(session, &mechanism, by, blob, size, equal, count, &key));
    CHECK(get_bool(session, key, CKA_SENSITIVE) && !get_bool(session, key, CKA_EXTRACTABLE) &&
          is(get(session, key, CKA_LABEL), "bound", 5));
  }
  EXPECT(CKR_TEMPLATE_INCONSISTENT, p11->C_UnwrapKey(session, &mechanism, by, blob, size, other, 3, &key));
  /* In two steps, as attribute arrays are read: lengths, then values. */
  CK_ATTRIBUTE read = {CKA_UNWRAP_TEMPLATE, NULL, 0}, parts[3];
  CK_BYTE values[3][16];
  OK(p11->C_GetAttributeValue(session, by, &read, 1));
  CHECK(read.ulValueLen == sizeof parts);
  memset(parts, 0, sizeof parts);
  read.pValue = parts;
  OK(p11->C_GetAttributeValue(session, by, &read, 1));
  for (int i = 0; i < 3; i++) {
    CHECK(parts[i].ulValueLen <= 16);
    parts[i].pValue = values[i];
  }
  OK(p11->C_GetAttributeValue(session, by, &read, 1));
  int right = 0;
  for (int i = 0; i < 3; i++) {
    if (parts[i].type == CKA_SENSITIVE) right += values[i][0] == 1;
    if (parts[i].type == CKA_EXTRACTABLE) right += values[i][0] == 0;
    if (parts[i].type == CKA_LABEL) right += parts[i].ulValueLen == 5 && memcmp(values[i], "bound", 5) == 0;
  }
  CHECK(right == 3);
}

TEST(wrap_template, "CKA_WRAP_TEMPLATE lets only keys out that match it (5.18.3)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_KEY_WRAP_KWP);
  CK_ATTRIBUTE inside[] = {TEXT(CKA_LABEL, "ok")};
  CK_ATTRIBUTE uses[] = {ATTRIBUTE(CKA_WRAP, yes),
                         ATTRIBUTE(CKA_SENSITIVE, yes),
                         ATTRIBUTE(CKA_EXTRACTABLE, no),
                         {CKA_WRAP_TEMPLATE, inside, sizeof inside}};
  CK_OBJECT_HANDLE by = make_secret(session, CKM_AES_KEY_GEN, 32, uses, 4),
                   key = open_key(session, CKM_AES_KEY_GEN, 16);
  CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  CK_ULONG size;
  ONE_OF(wrap(session, &mechanism, by, key, &size), CKR_KEY_HANDLE_INVALID, CKR_KEY_NOT_WRAPPABLE);
  OK(set(session, key, CKA_LABEL, "ok", 2));
  OK(wrap(session, &mechanism, by, key, &size));
}

TEST(wrapped_private_keys, "an EC private key that is wrapped and unwrapped signs as before (5.18.3)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_AES_KEY_WRAP_KWP);
  CK_OBJECT_HANDLE by = wrapping_key(session), key;
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}},
               private[] = {ATTRIBUTE(CKA_SIGN, yes), ATTRIBUTE(CKA_SENSITIVE, yes), ATTRIBUTE(CKA_EXTRACTABLE, yes)};
  struct key_pair pair;
  OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_KEY_PAIR_GEN), public, 1, private, 3, &pair.public,
                            &pair.private));
  CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  CK_ULONG size, length = 64;
  OK(wrap(session, &mechanism, by, pair.private, &size));
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_KEY_TYPE type = CKK_EC;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_KEY_TYPE, type), ATTRIBUTE(CKA_SIGN, yes)};
  OK(p11->C_UnwrapKey(session, &mechanism, by, blob, size, template, 3, &key));
  CK_BYTE digest[32] = {1}, signature[64];
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), key, digest, 32, signature, &length));
  CHECK(ecdsa_verifies(software_key(session, pair.public), digest, 32, signature, length));
  struct bytes value;
  EXPECT(CKR_ATTRIBUTE_SENSITIVE, read_attribute(session, key, CKA_VALUE, &value));
}
