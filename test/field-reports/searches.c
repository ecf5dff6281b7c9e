/* searches: CKA_ID and CKA_LABEL are bytes that are compared exactly, and searches bring every object once
 * (PKCS#11 5.7.7, 5.7.8). */

#include "field.h"

/* A P-256 pair with CKA_ID and CKA_LABEL as given; a NULL attribute is left out. */
static struct key_pair named(CK_SESSION_HANDLE session, const CK_ATTRIBUTE *id, const CK_ATTRIBUTE *label,
                             CK_BBOOL token) {
  CK_ATTRIBUTE public[5] = {{CKA_EC_PARAMS, EC_P256, 10}, {CKA_TOKEN, &token, 1}, ATTRIBUTE(CKA_VERIFY, yes)};
  CK_ATTRIBUTE private[4] = {{CKA_TOKEN, &token, 1}, ATTRIBUTE(CKA_SIGN, yes)};
  CK_ULONG more = 0;
  for (int i = 0; i < 2; i++) {
    const CK_ATTRIBUTE *name = i == 0 ? id : label;
    if (name == NULL) continue;
    public[3 + more] = *name;
    private[2 + more++] = *name;
  }
  struct key_pair pair;
  OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_EC_KEY_PAIR_GEN), public, 3 + more, private, 2 + more, &pair.public,
                            &pair.private));
  return pair;
}

static void destroy(CK_SESSION_HANDLE session, struct key_pair pair) {
  OK(p11->C_DestroyObject(session, pair.private));
  OK(p11->C_DestroyObject(session, pair.public));
}

/* Whether a search for one attribute among the public keys finds exactly these. */
static bool finds(CK_SESSION_HANDLE session, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG length,
                  const struct key_pair *pairs, CK_ULONG count) {
  CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
  CK_ATTRIBUTE template[] = {{type, (void *)value, length}, ATTRIBUTE(CKA_CLASS, class)};
  CK_OBJECT_HANDLE found[64];
  CK_ULONG got = find(session, template, 2, found, 64);
  if (got != count) return false;
  for (CK_ULONG i = 0; i < count; i++) {
    bool there = false;
    for (CK_ULONG j = 0; j < got; j++) there |= found[j] == pairs[i].public;
    if (!there) return false;
  }
  return true;
}

TEST(empty_names, "an empty and a NULL identifier are the same empty value, which a search finds exactly (5.7.7)") {
  CK_SESSION_HANDLE session = start();
  CK_ATTRIBUTE empty = {CKA_ID, "", 0}, null = {CKA_ID, NULL, 0}, one = {CKA_ID, "\1", 1}, name = {CKA_LABEL, "d", 1};
  struct key_pair pairs[] = {named(session, &null, NULL, CK_TRUE), named(session, &empty, NULL, CK_TRUE),
                             named(session, &null, NULL, CK_TRUE), named(session, &one, &name, CK_TRUE)};
  for (int i = 0; i < 3; i++) {
    CHECK(get(session, pairs[i].public, CKA_ID).length == 0);
    CHECK(get(session, pairs[i].private, CKA_ID).length == 0);
    CHECK(get(session, pairs[i].public, CKA_LABEL).length == 0);
  }
  CHECK(finds(session, CKA_ID, NULL, 0, pairs, 3) && finds(session, CKA_ID, "", 0, pairs, 3));
  CHECK(finds(session, CKA_ID, "\1", 1, pairs + 3, 1));
  CHECK(finds(session, CKA_LABEL, NULL, 0, pairs, 3));
  OK(set(session, pairs[3].public, CKA_ID, NULL, 0));
  CHECK(finds(session, CKA_ID, NULL, 0, pairs, 4));
  CHECK(finds(session, CKA_ID, "\1", 1, pairs, 0));
  CHECK(is(get(session, pairs[3].public, CKA_LABEL), "d", 1));
  OK(p11->C_Finalize(NULL));
  session = start();
  CK_OBJECT_HANDLE found[8];
  CK_ATTRIBUTE by_id = {CKA_ID, NULL, 0};
  CK_ULONG count = find(session, &by_id, 1, found, 8);
  CHECK(count == 7);
  for (CK_ULONG i = 0; i < count; i++) OK(p11->C_DestroyObject(session, found[i]));
  CK_ATTRIBUTE by_one = {CKA_ID, "\1", 1};
  CHECK(find(session, &by_one, 1, found, 8) == 1);
  OK(p11->C_DestroyObject(session, found[0]));
}

TEST(absent_identifier,
     "a pair without an identifier gets one from its public key, the same on both halves, and it may be changed") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pairs[] = {named(session, NULL, NULL, CK_TRUE), named(session, NULL, NULL, CK_TRUE)};
  struct bytes first = get(session, pairs[0].public, CKA_ID), second = get(session, pairs[1].public, CKA_ID);
  CHECK(first.length == 20 && !is(second, first.at, first.length));
  CHECK(is(get(session, pairs[0].private, CKA_ID), first.at, first.length));
  CHECK(get(session, pairs[0].private, CKA_LABEL).length == 0);
  CHECK(finds(session, CKA_ID, first.at, first.length, pairs, 1));
  for (int half = 0; half < 2; half++) {
    CK_OBJECT_HANDLE object = half == 0 ? pairs[0].private : pairs[0].public;
    OK(set(session, object, CKA_ID, NULL, 0));
    CHECK(get(session, object, CKA_ID).length == 0);
    OK(set(session, object, CKA_ID, "mine", 4));
  }
  CHECK(finds(session, CKA_ID, "mine", 4, pairs, 1) && finds(session, CKA_ID, first.at, first.length, pairs, 0));
  destroy(session, pairs[0]);
  destroy(session, pairs[1]);
}

static const struct {
  const char *bytes;
  CK_ULONG length;
} NAMES[] = {{"\0", 1},
             {"\0\0", 2},
             {"\1", 1},
             {"\0\1", 2},
             {"\1\0", 2},
             {"\1\0\1", 3},
             {"abc", 3},
             {"abc\0", 4},
             {"\0abc", 4},
             {"\x80", 1},
             {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20}};

TEST(binary_names, "identifiers with zero bytes in front, inside and behind are different values (5.7.7)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pairs[COUNT(NAMES)];
  for (size_t i = 0; i < COUNT(NAMES); i++) {
    CK_ATTRIBUTE id = {CKA_ID, (void *)NAMES[i].bytes, NAMES[i].length};
    pairs[i] = named(session, &id, NULL, CK_FALSE);
    CHECK(is(get(session, pairs[i].private, CKA_ID), NAMES[i].bytes, NAMES[i].length));
  }
  for (size_t i = 0; i < COUNT(NAMES); i++)
    CHECK(finds(session, CKA_ID, NAMES[i].bytes, NAMES[i].length, pairs + i, 1));
  for (size_t i = 0; i < COUNT(NAMES); i++) {
    CK_ATTRIBUTE by_id = {CKA_ID, (void *)NAMES[i].bytes, NAMES[i].length};
    CK_OBJECT_HANDLE found[4];
    CHECK(find(session, &by_id, 1, found, 4) == 2);
    OK(p11->C_DestroyObject(session, found[0]));
    OK(p11->C_DestroyObject(session, found[1]));
    for (size_t j = 0; j < COUNT(NAMES); j++)
      CHECK(finds(session, CKA_ID, NAMES[j].bytes, NAMES[j].length, pairs + j, j > i ? 1 : 0));
  }
}

TEST(binary_labels, "labels are bytes too: zero bytes count (5.7.7)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pairs[6];
  for (size_t i = 0; i < 6; i++) {
    const char *bytes = NAMES[i + 3].bytes;
    CK_ATTRIBUTE label = {CKA_LABEL, (void *)bytes, NAMES[i + 3].length};
    pairs[i] = named(session, NULL, &label, CK_FALSE);
    CHECK(is(get(session, pairs[i].public, CKA_LABEL), bytes, NAMES[i + 3].length));
  }
  for (size_t i = 0; i < 6; i++)
    CHECK(finds(session, CKA_LABEL, NAMES[i + 3].bytes, NAMES[i + 3].length, pairs + i, 1));
}

TEST(long_identifiers, "an identifier may have up to 4,096 bytes and is changed without touching the label") {
  CK_SESSION_HANDLE session = start();
  static CK_BYTE bytes[4096];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (CK_BYTE)(i * 7);
  CK_ATTRIBUTE id = {CKA_ID, bytes, sizeof bytes}, label = {CKA_LABEL, "stays", 5};
  struct key_pair pair = named(session, &id, &label, CK_TRUE);
  CHECK(is(get(session, pair.public, CKA_ID), bytes, sizeof bytes));
  CHECK(finds(session, CKA_ID, bytes, sizeof bytes, &pair, 1));
  CHECK(finds(session, CKA_ID, bytes, sizeof bytes - 1, &pair, 0));
  OK(set(session, pair.public, CKA_ID, "x", 1));
  CHECK(is(get(session, pair.public, CKA_ID), "x", 1) && is(get(session, pair.public, CKA_LABEL), "stays", 5));
  OK(set(session, pair.public, CKA_LABEL, "new", 3));
  CHECK(is(get(session, pair.public, CKA_ID), "x", 1) && is(get(session, pair.public, CKA_LABEL), "new", 3));
  CHECK(finds(session, CKA_ID, bytes, sizeof bytes, &pair, 0) && finds(session, CKA_ID, "x", 1, &pair, 1));
  CHECK(finds(session, CKA_LABEL, "stays", 5, &pair, 0) && finds(session, CKA_LABEL, "new", 3, &pair, 1));
  static CK_BYTE far_too_long[70000];
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, set(session, pair.public, CKA_ID, far_too_long, 4097));
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, set(session, pair.public, CKA_ID, far_too_long, sizeof far_too_long));
  CHECK(is(get(session, pair.public, CKA_ID), "x", 1));
  destroy(session, pair);
}

TEST(text_labels, "labels of any UTF-8 are kept and found as they are: nothing is normalised, trimmed or cut (5.7.7)") {
  CK_SESSION_HANDLE session = start();
  char long_label[300], byte_255[255];
  for (size_t i = 0; i < sizeof long_label; i += 2) memcpy(long_label + i, "\xc3\xa9", 2);
  memset(byte_255, 'b', sizeof byte_255);
  const struct {
    const char *text;
    size_t length;
  } labels[] = {{"zone key 1", 10},
                {"a;b", 3},
                {"50%", 3},
                {"k/1?x=y&z", 9},
                {"Gr\xc3\xb6\xc3\x9f"
                 "e-\xe9\x8d\xb5-\xf0\x9f\x94\x91",
                 16},
                {"\xc3\xa9", 2},
                {"e\xcc\x81", 3},
                {byte_255, 255},
                {long_label, 300},
                {"blank ", 6},
                {"blank", 5},
                {"pkcs11:", 7}};
  struct key_pair pairs[COUNT(labels)];
  for (size_t i = 0; i < COUNT(labels); i++) {
    CK_ATTRIBUTE label = {CKA_LABEL, (void *)labels[i].text, labels[i].length};
    pairs[i] = named(session, NULL, &label, CK_TRUE);
  }
  for (size_t i = 0; i < COUNT(labels); i++) {
    CHECK(is(get(session, pairs[i].private, CKA_LABEL), labels[i].text, labels[i].length));
    CHECK(finds(session, CKA_LABEL, labels[i].text, labels[i].length, pairs + i, 1));
  }
  for (size_t i = 0; i < COUNT(labels); i++) destroy(session, pairs[i]);
}

TEST(same_names,
     "keys may share label and identifier: each stays itself, and destroying one leaves the others (5.7.3)") {
  CK_SESSION_HANDLE session = start();
  CK_ATTRIBUTE id = {CKA_ID, "same", 4}, label = {CKA_LABEL, "Same", 4};
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE all[] = {ATTRIBUTE(CKA_CLASS, class), id, label};
  struct key_pair pairs[3];
  EVP_PKEY *keys[3];
  struct bytes unique[3];
  CK_BYTE digest[32] = {3}, signature[64];
  for (int i = 0; i < 3; i++) {
    pairs[i] = named(session, &id, &label, CK_TRUE);
    keys[i] = software_key(session, pairs[i].public);
    if (read_attribute(session, pairs[i].private, CKA_UNIQUE_ID, &unique[i]) != CKR_OK) unique[i].length = 0;
    for (int j = 0; j < i; j++) {
      CHECK(pairs[i].private != pairs[j].private && pairs[i].public != pairs[j].public);
      CHECK(unique[i].length == 0 || !is(unique[i], unique[j].at, unique[j].length));
    }
  }
  CHECK(count_of(session, all, 3) == 3 && count_of(session, all + 1, 1) == 6 && count_of(session, all + 2, 1) == 6);
  for (int i = 0; i < 3; i++) {
    CK_ULONG size = sizeof signature;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), pairs[i].private, digest, 32, signature, &size));
    for (int j = 0; j < 3; j++) CHECK(ecdsa_verifies(keys[j], digest, 32, signature, size) == (i == j));
  }
  destroy(session, pairs[1]);
  CHECK(count_of(session, all, 3) == 2);
  for (int i = 0; i < 3; i += 2) {
    CK_ULONG size = sizeof signature;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), pairs[i].private, digest, 32, signature, &size));
    CHECK(ecdsa_verifies(keys[i], digest, 32, signature, size));
  }
  EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(session, MECHANISM(CKM_ECDSA), pairs[1].private));
  OK(p11->C_Finalize(NULL));
  session = start();
  CHECK(count_of(session, all, 3) == 2);
  CK_OBJECT_HANDLE found[8];
  CK_ULONG count = find(session, all + 1, 1, found, 8);
  CHECK(count == 4);
  for (CK_ULONG i = 0; i < count; i++) OK(p11->C_DestroyObject(session, found[i]));
}

TEST(batches, "a search in small and large batches brings each object once, then nothing, as often as asked (5.7.8)") {
  CK_SESSION_HANDLE session = start();
  CK_ATTRIBUTE id = {CKA_ID, "batch", 5};
  for (int i = 0; i < 13; i++) named(session, &id, NULL, CK_FALSE);
  const CK_ULONG batches[] = {1, 3, 10, 25, 26, 27, 1000};
  for (size_t b = 0; b < COUNT(batches); b++) {
    CK_OBJECT_HANDLE found[64], *part = (CK_OBJECT_HANDLE *)canary(batches[b] * sizeof *part);
    CK_ULONG total = 0, got, rounds = 0;
    OK(p11->C_FindObjectsInit(session, &id, 1));
    ONE_OF(p11->C_FindObjects(session, part, 0, &got), CKR_OK, CKR_ARGUMENTS_BAD);
    do {
      CHECK(++rounds < 100);
      OK(p11->C_FindObjects(session, part, batches[b], &got));
      CHECK(got <= batches[b] && total + got <= 26);
      memcpy(found + total, part, got * sizeof *found);
      total += got;
    } while (got > 0);
    CHECK(total == 26);
    for (CK_ULONG i = 0; i < total; i++)
      for (CK_ULONG j = 0; j < i; j++) CHECK(found[i] != found[j]);
    for (int again = 0; again < 3; again++) {
      OK(p11->C_FindObjects(session, part, batches[b], &got));
      CHECK(got == 0);
    }
    check_canary((CK_BYTE *)part);
    EXPECT(CKR_OPERATION_ACTIVE, p11->C_FindObjectsInit(session, &id, 1));
    OK(p11->C_FindObjectsFinal(session));
  }
}
