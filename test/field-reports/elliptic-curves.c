/* elliptic-curves: inputs of any length for ECDSA, and what ECDH takes as a point
 * (PKCS#11 6.3). */

#include "field.h"

static const char *CURVES[] = {EC_P256, EC_P384, EC_P521};

static CK_BYTE out[512];

/* What OpenSSL signs, as r || s. */
static CK_ULONG software_sign(EVP_PKEY *key, const CK_BYTE *input, size_t length, CK_BYTE *signature, int half) {
  CK_BYTE der[256];
  size_t size = sizeof der;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  CHECK(EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_sign(context, der, &size, input, length) == 1);
  EVP_PKEY_CTX_free(context);
  ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &(const unsigned char *){der}, (long)size);
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, half) == half &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + half, half) == half);
  ECDSA_SIG_free(pair);
  return 2 * (CK_ULONG)half;
}

static void check_input(CK_SESSION_HANDLE session, int curve, struct key_pair pair, EVP_PKEY *software,
                        CK_OBJECT_HANDLE imported, const CK_BYTE *input, CK_ULONG length) {
  CK_ULONG size = sizeof out;
  CK_BYTE signature[160];
  CK_RV rv = sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, input, length, out, &size);
  if (rv != CKR_OK) FAIL("curve %d, %lu bytes: 0x%lx", curve, length, rv);
  EVP_PKEY *key = software_key(session, pair.public);
  CHECK(ecdsa_verifies(key, input, length, out, size));
  EVP_PKEY_free(key);
  OK(verify_raw(session, MECHANISM(CKM_ECDSA), pair.public, input, length, out, size));
  out[0] ^= 1;
  EXPECT(CKR_SIGNATURE_INVALID, verify_raw(session, MECHANISM(CKM_ECDSA), pair.public, input, length, out, size));
  size = software_sign(software, input, length, signature, curve == 0 ? 32 : curve == 1 ? 48 : 66);
  OK(verify_raw(session, MECHANISM(CKM_ECDSA), imported, input, length, signature, size));
}

static void check_inputs(const CK_ULONG *lengths, size_t count, const CK_BYTE *input) {
  static const char *NAMES[] = {"P-256", "P-384", "P-521"};
  CK_SESSION_HANDLE session = start();
  for (int curve = 0; curve < 3; curve++) {
    struct key_pair pair = generate(session, CKM_EC_KEY_PAIR_GEN, CURVES[curve], 0, "ec", CK_FALSE);
    EVP_PKEY *software = EVP_PKEY_Q_keygen(NULL, NULL, "EC", NAMES[curve]);
    CK_BYTE point[160];
    size_t size;
    CHECK(EVP_PKEY_get_octet_string_param(software, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) == 1);
    CK_OBJECT_HANDLE imported =
        import_point(session, CKK_EC, CURVES[curve], 2 + (CK_ULONG)CURVES[curve][1], point, size);
    for (size_t i = 0; i < count; i++) check_input(session, curve, pair, software, imported, input, lengths[i]);
    EVP_PKEY_free(software);
  }
}

TEST(long_inputs, "ECDSA takes inputs longer than the order of the curve: the leftmost bits count (6.3.12)") {
  CK_BYTE input[140];
  memset(input, 0xff, sizeof input);
  for (size_t i = 1; i < sizeof input; i++) input[i] = (CK_BYTE)(i * 31);
  check_inputs((CK_ULONG[]){32, 33, 48, 64, 65, 66, 67, 80, 100, 132}, 10, input);
}

TEST(short_inputs, "ECDSA takes short and odd inputs as big-endian numbers (6.3.12)") {
  CK_BYTE input[66];
  memset(input, 0xa7, sizeof input);
  check_inputs((CK_ULONG[]){1, 19, 20, 28, 31, 32, 47, 63, 65}, 9, input);
  OK(p11->C_Finalize(NULL));
  memset(input, 0, 8); /* zeros in front */
  check_inputs((CK_ULONG[]){32, 20}, 2, input);
  OK(p11->C_Finalize(NULL));
  memset(input, 0, sizeof input);
  check_inputs((CK_ULONG[]){32, 1}, 2, input);
  OK(p11->C_Finalize(NULL));
  memset(input, 0xff, sizeof input); /* larger than the order of P-256 */
  check_inputs((CK_ULONG[]){32, 48}, 2, input);
}

TEST(empty_input, "an empty ECDSA input is signed as zero, or refused by its length (6.3.12)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_p256(session);
  CK_ULONG size = sizeof out;
  CK_RV rv = sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, "", 0, out, &size);
  ONE_OF(rv, CKR_OK, CKR_DATA_LEN_RANGE);
  CK_BYTE zero[32] = {0};
  if (rv == CKR_OK) CHECK(ecdsa_verifies(software_key(session, pair.public), zero, 32, out, size));
}

TEST(long_hashes, "P-256 signs SHA-384 and SHA-512 hashes (6.3.13)") {
  CK_SESSION_HANDLE session = start();
  struct key_pair pair = session_p256(session);
  CK_ULONG size = sizeof out;
  OK(sign_raw(session, MECHANISM(CKM_ECDSA_SHA512), pair.private, "message", 7, out, &size));
  CHECK(ecdsa_verifies(software_key(session, pair.public), hash(EVP_sha512(), "message", 7).at, 64, out, size));
  OK(verify_raw(session, MECHANISM(CKM_ECDSA), pair.public, hash(EVP_sha512(), "message", 7).at, 64, out, size));
  size = sizeof out;
  OK(sign_raw(session, MECHANISM(CKM_ECDSA_SHA384), pair.private, "message", 7, out, &size));
  CHECK(ecdsa_verifies(software_key(session, pair.public), hash(EVP_sha384(), "message", 7).at, 48, out, size));
}

struct ecdh {
  CK_ULONG kdf, shared_length;
  CK_BYTE *shared;
  CK_ULONG public_length;
  CK_BYTE *public;
};

static CK_RV derive(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base, CK_BYTE *point, CK_ULONG size,
                    CK_OBJECT_HANDLE *key) {
  struct ecdh params = {CKD_NULL, 0, NULL, size, point};
  CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
  CK_OBJECT_CLASS class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_GENERIC_SECRET;
  CK_ULONG length = 32;
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_KEY_TYPE, type),
                             ATTRIBUTE(CKA_VALUE_LEN, length), ATTRIBUTE(CKA_SENSITIVE, no),
                             ATTRIBUTE(CKA_EXTRACTABLE, yes)};
  return p11->C_DeriveKey(session, &mechanism, base, template, 5, key);
}

static struct key_pair deriving_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, const char *params,
                                     CK_ULONG size) {
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, (void *)params, size}}, private[] = {ATTRIBUTE(CKA_DERIVE, yes)};
  struct key_pair pair;
  OK(p11->C_GenerateKeyPair(session, MECHANISM(type), public, 1, private, 1, &pair.public, &pair.private));
  return pair;
}

static void off_curve(CK_RV rv, int row) {
  if (rv != CKR_MECHANISM_PARAM_INVALID && rv != CKR_ARGUMENTS_BAD && rv != CKR_DATA_INVALID &&
      rv != CKR_ATTRIBUTE_VALUE_INVALID && rv != CKR_PUBLIC_KEY_INVALID)
    FAIL("point %d: 0x%lx", row, rv);
}

TEST(ecdh_points, "ECDH takes points raw and in DER, and none off the curve (6.3.18)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_ECDH1_DERIVE);
  struct key_pair ours = deriving_pair(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 10);
  struct bytes der = get(session, session_p256(session).public, CKA_EC_POINT),
               other = get(session, generate(session, CKM_EC_KEY_PAIR_GEN, EC_P384, 0, "ec", CK_FALSE).public,
                           CKA_EC_POINT);
  CK_OBJECT_HANDLE raw, wrapped;
  OK(derive(session, ours.private, der.at, 67, &wrapped));
  OK(derive(session, ours.private, der.at + 2, 65, &raw));
  struct bytes value = get(session, raw, CKA_VALUE);
  CHECK(value.length == 32 && is(get(session, wrapped, CKA_VALUE), value.at, 32));
  for (int row = 0; row < 7; row++) {
    CK_BYTE point[67];
    memcpy(point, der.at, 67);
    if (row == 0) point[66] ^= 1;
    if (row == 1) memset(point + 3, 0, 64);
    if (row == 2) memset(point + 3, 0xff, 32);
    if (row == 3) point[2] = 2;
    if (row == 4) point[2] = 5;
    if (row == 5) point[2] = 7 - (point[66] & 1);
    if (row == 6) point[2] = 0;
    off_curve(derive(session, ours.private, point, 67, &raw), row);
    off_curve(derive(session, ours.private, point + 2, 65, &raw), row);
  }
  off_curve(derive(session, ours.private, (CK_BYTE *)"\0", 1, &raw), 8);
  off_curve(derive(session, ours.private, (CK_BYTE *)"\4\1\0", 3, &raw), 9);
  off_curve(derive(session, ours.private, other.at, other.length, &raw), 10);
  off_curve(derive(session, ours.private, NULL, 0, &raw), 11);
}

TEST(x25519_points, "X25519 refuses points of low order (RFC 7748, 6.1)") {
  CK_SESSION_HANDLE session = start();
  NEEDS(CKM_EC_MONTGOMERY_KEY_PAIR_GEN);
  struct key_pair ours = deriving_pair(session, CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "\x06\x03\x2b\x65\x6e", 5);
  static const char *low[] = {"0000000000000000000000000000000000000000000000000000000000000000",
                              "0100000000000000000000000000000000000000000000000000000000000000",
                              "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                              "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
  CK_OBJECT_HANDLE key;
  for (size_t i = 0; i < COUNT(low); i++) {
    struct bytes point = unhex(low[i]);
    REFUSED(derive(session, ours.private, point.at, 32, &key));
  }
  struct bytes base = unhex("0900000000000000000000000000000000000000000000000000000000000000");
  OK(derive(session, ours.private, base.at, 32, &key));
  struct bytes point = get(session, ours.public, CKA_EC_POINT);
  /* Our private key times the base point is our public key. */
  CHECK(is(get(session, key, CKA_VALUE), point.at + point.length - 32, 32));
}
