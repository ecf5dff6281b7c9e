/* points: encodings of EC points, generated and imported (PKCS#11 6.3.3). */

#include "field.h"

static CK_BYTE digest[32] = {5}, out[1024];

TEST(ec_points, "CKA_EC_POINT is a DER OCTET STRING, with a long length for P-521 (6.3.3)") {
  CK_SESSION_HANDLE session = start();
  static const struct {
    const char *params, *first;
    CK_ULONG size, header;
  } curves[] = {
      {EC_P256, "\x04\x41\x04", 67, 2}, {EC_P384, "\x04\x61\x04", 99, 2}, {EC_P521, "\x04\x81\x85\x04", 136, 3}};
  for (size_t i = 0; i < COUNT(curves); i++) {
    struct key_pair pair = generate(session, CKM_EC_KEY_PAIR_GEN, curves[i].params, 0, "ec", CK_FALSE);
    struct bytes point = get(session, pair.public, CKA_EC_POINT);
    CHECK(point.length == curves[i].size && memcmp(point.at, curves[i].first, curves[i].header + 1) == 0);
    CHECK(is(get(session, pair.private, CKA_EC_POINT), point.at, point.length));
    CK_ULONG size = sizeof out;
    OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, out, &size));
    CHECK(ecdsa_verifies(software_key(session, pair.public), digest, 32, out, size));
  }
}

static CK_RV import_public(CK_SESSION_HANDLE session, const void *params, CK_ULONG params_size, const void *point,
                           CK_ULONG size, CK_OBJECT_HANDLE *object) {
  CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
  CK_KEY_TYPE type = CKK_EC;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class),
                             ATTRIBUTE(CKA_KEY_TYPE, type),
                             ATTRIBUTE(CKA_VERIFY, yes),
                             {CKA_EC_PARAMS, (void *)params, params_size},
                             {CKA_EC_POINT, (void *)point, size}};
  return p11->C_CreateObject(session, template, 5, object);
}

TEST(imported_points,
     "an imported EC point is DER, or raw and then works too; cut, extended and empty ones are refused (6.3.3)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_p256(session);
  struct bytes der = get(session, pair.public, CKA_EC_POINT);
  CK_BYTE *point = der.at + 2, compressed[35] = {4, 33}, longer[68];
  CK_OBJECT_HANDLE object;
  CK_ULONG size = 64;
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, out, &size));
  memcpy(longer, der.at, 67);
  longer[67] = 0;
  compressed[2] = 2 + (point[64] & 1);
  memcpy(compressed + 3, point + 1, 32);
  const struct {
    const CK_BYTE *bytes;
    CK_ULONG size;
    bool must;
  } accepted[] = {{der.at, 67, true}, {point, 65, false}, {compressed, 35, false}};
  for (size_t i = 0; i < COUNT(accepted); i++) {
    CK_RV rv = import_public(session, EC_P256, 10, accepted[i].bytes, accepted[i].size, &object);
    if (rv != CKR_OK) {
      CHECK(!accepted[i].must);
      ONE_OF(rv, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT);
      continue;
    }
    CHECK(is(get(session, object, CKA_EC_POINT), der.at, 67));
    OK(verify_raw(session, MECHANISM(CKM_ECDSA), object, digest, 32, out, 64));
    out[0] ^= 1;
    EXPECT(CKR_SIGNATURE_INVALID, verify_raw(session, MECHANISM(CKM_ECDSA), object, digest, 32, out, 64));
    out[0] ^= 1;
  }
  CHECK(import_public(session, EC_P256, 10, longer, 68, &object) == CKR_ATTRIBUTE_VALUE_INVALID);
  CHECK(import_public(session, EC_P256, 10, der.at, 66, &object) == CKR_ATTRIBUTE_VALUE_INVALID);
  CHECK(import_public(session, EC_P256, 10, "", 0, &object) == CKR_ATTRIBUTE_VALUE_INVALID);
}

TEST(points_off_the_curve, "a public key whose point is not on its curve is refused (6.3.3)") {
  CK_SESSION_HANDLE session = start();
  struct bytes p384 =
      get(session, generate(session, CKM_EC_KEY_PAIR_GEN, EC_P384, 0, "ec", CK_FALSE).public, CKA_EC_POINT);
  struct bytes good = get(session, session_p256(session).public, CKA_EC_POINT);
  CK_BYTE points[8][67];
  CK_OBJECT_HANDLE object;
  for (int i = 0; i < 8; i++) memcpy(points[i], good.at, 67);
  points[0][66] ^= 1;              /* (x, y + 1) or (x, y - 1) */
  memset(points[1] + 3, 0, 64);    /* (0, 0) */
  memset(points[2] + 3, 0xff, 32); /* x >= p */
  points[3][2] = 2;                /* compressed, of the wrong length */
  points[4][2] = 5;
  points[5][2] = 6 + (good.at[66] & 1); /* hybrid, of the right parity */
  points[6][2] = 7 - (good.at[66] & 1); /* and of the wrong one */
  memset(points[7] + 3, 0xff, 64);
  for (int i = 0; i < 8; i++) {
    CK_RV rv = import_public(session, EC_P256, 10, points[i], 67, &object);
    if (rv == CKR_OK && i == 5) {
      CHECK(is(get(session, object, CKA_EC_POINT), good.at, 67));
      continue;
    }
    if (rv != CKR_ATTRIBUTE_VALUE_INVALID) FAIL("point %d: 0x%lx", i, rv);
  }
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_public(session, EC_P256, 10, "\x04\x01\x00", 3, &object));
  EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, import_public(session, EC_P256, 10, p384.at, p384.length, &object));
}
