/* lists: slots, mechanisms and the mechanisms a key is restricted to (PKCS#11 5.2, 5.5.1, 5.5.5, common key
 * attributes). */

#include "field.h"

TEST(slot_list, "the slot list follows the rules of sizes, and every listed slot tells about itself (5.5.1)") {
  OK(p11->C_Initialize(NULL));
  for (int present = 0; present < 2; present++) {
    CK_SLOT_ID ids[16];
    CK_ULONG count = 0xffffffff, all;
    OK(p11->C_GetSlotList((CK_BBOOL)present, NULL, &count));
    CHECK(count == 1);
    all = count;
    count = 0;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetSlotList((CK_BBOOL)present, ids, &count));
    CHECK(count == all);
    count = 11;
    CK_SLOT_ID *exact = (CK_SLOT_ID *)canary(sizeof *exact);
    OK(p11->C_GetSlotList((CK_BBOOL)present, ids, &count));
    CHECK(count == all);
    OK(p11->C_GetSlotList((CK_BBOOL)present, exact, &count));
    CHECK(count == all && exact[0] == ids[0]);
    check_canary((CK_BYTE *)exact);
    for (CK_ULONG i = 0; i < count; i++) {
      CK_SLOT_INFO info;
      OK(p11->C_GetSlotInfo(ids[i], &info));
      CHECK((info.flags & CKF_TOKEN_PRESENT) != 0);
    }
  }
}

TEST(mechanism_list, "the mechanism list follows the rules of sizes, and every mechanism tells about itself (5.5.5)") {
  OK(p11->C_Initialize(NULL));
  static CK_MECHANISM_TYPE types[1024];
  CK_ULONG count = 0xffffffff, all;
  OK(p11->C_GetMechanismList(0, NULL, &count));
  all = count;
  CHECK(all > 8 && all < COUNT(types) - 10);
  for (count = 0; count < all; count += all / 3) {
    CK_ULONG asked = count;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetMechanismList(0, types, &asked));
    CHECK(asked == all);
  }
  count = all - 1;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetMechanismList(0, types, &count));
  CHECK(count == all);
  count = all + 10;
  OK(p11->C_GetMechanismList(0, types, &count));
  CHECK(count == all);
  CK_MECHANISM_TYPE *exact = (CK_MECHANISM_TYPE *)canary(all * sizeof *exact);
  OK(p11->C_GetMechanismList(0, exact, &count));
  CHECK(memcmp(exact, types, all * sizeof *exact) == 0);
  check_canary((CK_BYTE *)exact);
  for (CK_ULONG i = 0; i < all; i++) {
    CK_MECHANISM_INFO info;
    OK(p11->C_GetMechanismInfo(0, types[i], &info));
    CHECK((info.flags & ~1UL) != 0 && info.ulMinKeySize <= info.ulMaxKeySize);
    for (CK_ULONG j = 0; j < i; j++) CHECK(types[i] != types[j]);
  }
  EXPECT(CKR_MECHANISM_INVALID, p11->C_GetMechanismInfo(0, 0x8fffffff, &(CK_MECHANISM_INFO){0}));
  EXPECT(CKR_SLOT_ID_INVALID, p11->C_GetMechanismList(7, NULL, &count));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GetMechanismList(0, types, NULL));
}

PART(without_token) {
  CK_SLOT_ID ids[4];
  CK_ULONG count = 4;
  CK_SLOT_INFO info;
  OK(p11->C_Initialize(NULL));
  OK(p11->C_GetSlotList(CK_TRUE, ids, &count));
  CHECK(count == 0);
  OK(p11->C_GetSlotList(CK_TRUE, NULL, &count));
  CHECK(count == 0);
  OK(p11->C_GetSlotList(CK_FALSE, NULL, &count));
  CHECK(count == 1);
  OK(p11->C_GetSlotList(CK_FALSE, ids, &count));
  OK(p11->C_GetSlotInfo(ids[0], &info));
  CHECK((info.flags & CKF_TOKEN_PRESENT) == 0);
  EXPECT(CKR_TOKEN_NOT_PRESENT, p11->C_GetTokenInfo(ids[0], &(CK_TOKEN_INFO){0}));
  EXPECT(CKR_TOKEN_NOT_PRESENT, p11->C_GetMechanismList(ids[0], NULL, &count));
  EXPECT(CKR_TOKEN_NOT_PRESENT, p11->C_OpenSession(ids[0], CKF_SERIAL_SESSION, NULL, NULL, &(CK_SESSION_HANDLE){0}));
  OK(p11->C_Finalize(NULL));
  exit(0);
}

TEST(unrestricted_key,
     "a key without CKA_ALLOWED_MECHANISMS is not restricted, and does not tell an empty list as a ban") {
  CK_SESSION_HANDLE session = start();
  struct key_pair rsa = session_rsa(session, 2048), ec = session_p256(session);
  CK_OBJECT_HANDLE keys[] = {rsa.private, rsa.public, ec.private, ec.public};
  for (size_t i = 0; i < COUNT(keys); i++) {
    struct bytes value;
    CK_RV rv = read_attribute(session, keys[i], CKA_ALLOWED_MECHANISMS, &value);
    CHECK(rv == CKR_ATTRIBUTE_TYPE_INVALID || (rv == CKR_OK && value.length == 0));
  }
  OK(sign_and_verify(session, rsa, CKM_SHA256_RSA_PKCS, "data", 4));
  OK(sign_and_verify(session, rsa, CKM_RSA_PKCS, "data", 4));
}

static struct key_pair restricted(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE *allowed, CK_ULONG count) {
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_MODULUS_BITS, bits), ATTRIBUTE(CKA_VERIFY, yes)};
  CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_SIGN, yes), {CKA_ALLOWED_MECHANISMS, allowed, count * sizeof *allowed}};
  struct key_pair pair;
  OK(p11->C_GenerateKeyPair(session, MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN), public, 2, private, 2, &pair.public,
                            &pair.private));
  return pair;
}

TEST(restricted_key, "a key signs with its CKA_ALLOWED_MECHANISMS and with nothing else (common key attributes)") {
  CK_SESSION_HANDLE session = start();
  CK_MECHANISM_TYPE allowed[] = {CKM_SHA256_RSA_PKCS, CKM_SHA512_RSA_PKCS};
  struct key_pair pair = restricted(session, allowed, 2);
  memset(allowed, 0, sizeof allowed);
  CHECK(is(get(session, pair.private, CKA_ALLOWED_MECHANISMS),
           (CK_MECHANISM_TYPE[]){CKM_SHA256_RSA_PKCS, CKM_SHA512_RSA_PKCS}, 16));
  OK(sign_and_verify(session, pair, CKM_SHA256_RSA_PKCS, "data", 4));
  OK(sign_and_verify(session, pair, CKM_SHA512_RSA_PKCS, "data", 4));
  CK_BYTE out[256], info[51] = {0};
  CK_ULONG size = sizeof out;
  ONE_OF(sign_raw(session, MECHANISM(CKM_RSA_PKCS), pair.private, info, 51, out, &size), CKR_MECHANISM_INVALID,
         CKR_KEY_FUNCTION_NOT_PERMITTED);
  ONE_OF(sign_raw(session, MECHANISM(CKM_SHA384_RSA_PKCS), pair.private, info, 51, out, &size), CKR_MECHANISM_INVALID,
         CKR_KEY_FUNCTION_NOT_PERMITTED);
}

TEST(restricted_to_pss, "a key that is restricted to one hash with PSS makes no other signature") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_SHA256_RSA_PKCS_PSS);
  CK_MECHANISM_TYPE allowed[] = {CKM_SHA256_RSA_PKCS_PSS};
  struct key_pair pair = restricted(session, allowed, 1);
  CK_ULONG pss[] = {CKM_SHA256, CKG_MGF1_SHA256, 32}, size = 256, count = 1;
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS_PSS, pss, sizeof pss};
  CK_BYTE out[256], data[32] = {0};
  CHECK(is(get(session, pair.private, CKA_ALLOWED_MECHANISMS), allowed, count * sizeof *allowed));
  OK(sign_raw(session, &mechanism, pair.private, data, 32, out, &size));
  CHECK(pss_verifies(software_key(session, pair.public), EVP_sha256(), EVP_sha256(), 32,
                     hash(EVP_sha256(), data, 32).at, 32, out, size));
  mechanism.mechanism = CKM_RSA_PKCS_PSS;
  ONE_OF(sign_raw(session, &mechanism, pair.private, data, 32, out, &size), CKR_MECHANISM_INVALID,
         CKR_KEY_FUNCTION_NOT_PERMITTED);
  ONE_OF(sign_raw(session, MECHANISM(CKM_RSA_PKCS), pair.private, data, 32, out, &size), CKR_MECHANISM_INVALID,
         CKR_KEY_FUNCTION_NOT_PERMITTED);
}
