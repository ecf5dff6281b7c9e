/* templates: key generation as DNS signers, tools and libraries ask for it (PKCS#11 5.18.2). */

#include "field.h"

static CK_BYTE digest[32] = {0x53}, out[512];

#define T(type) ATTRIBUTE(type, yes)
#define F(type) ATTRIBUTE(type, no)

/* Generates, and every attribute asked for is what the object says. `size` is put in front of the public template. */
static void replay(CK_SESSION_HANDLE session, const char *who, bool ec, CK_ATTRIBUTE *public, CK_ULONG public_count,
                   CK_ATTRIBUTE *private, CK_ULONG private_count) {
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE whole[24] = {{CKA_EC_PARAMS, EC_P256, 10}};
  if (!ec) whole[0] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_MODULUS_BITS, bits);
  memcpy(whole + 1, public, public_count * sizeof *public);
  struct key_pair pair;
  CK_RV rv = generate_pair(session, ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, whole, public_count + 1,
                           private, private_count, &pair);
  if (rv != CKR_OK) FAIL("the template of %s (%s): 0x%lx", who, ec ? "EC" : "RSA", rv);
  for (CK_ULONG i = 0; i < public_count + 1 + private_count; i++) {
    CK_ATTRIBUTE *asked = i <= public_count ? &whole[i] : &private[i - public_count - 1];
    struct bytes value = get(session, i <= public_count ? pair.public : pair.private, asked->type);
    if (asked->type == CKA_PUBLIC_EXPONENT ? !is(value, "\1\0\1", 3) : !is(value, asked->pValue, asked->ulValueLen))
      FAIL("the template of %s: attribute 0x%lx is not as asked", who, asked->type);
  }
  CK_ULONG size = sizeof out;
  OK(sign_raw(session, MECHANISM(ec ? CKM_ECDSA_SHA256 : CKM_SHA256_RSA_PKCS), pair.private, digest, 32, out, &size));
  OK(p11->C_DestroyObject(session, pair.private));
  OK(p11->C_DestroyObject(session, pair.public));
}

static CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY, private_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE rsa_type = CKK_RSA, ec_type = CKK_EC;
#define NAMES TEXT(CKA_ID, "\1\2\3"), TEXT(CKA_LABEL, "name")
#define F4 TEXT(CKA_PUBLIC_EXPONENT, "\1\0\1")
/* A private key for all that RSA does, as OpenSC's programs and BIND with the provider put it. */
#define ALL_USES                                                                                                       \
  ATTRIBUTE(CKA_CLASS, private_class), T(CKA_TOKEN), T(CKA_PRIVATE), T(CKA_SENSITIVE), T(CKA_SIGN), T(CKA_DECRYPT),    \
      T(CKA_UNWRAP), NAMES
#define REPLAY(who, ec) replay(session, who, ec, public, COUNT(public), private, COUNT(private))

TEST(dns_templates, "key generation takes the templates of DNS signers, and keys are as asked for (5.18.2)") {
  CK_SESSION_HANDLE session = start();
  {
    CK_ATTRIBUTE public[] = {
        NAMES, ATTRIBUTE(CKA_KEY_TYPE, rsa_type), T(CKA_VERIFY), F(CKA_ENCRYPT), F(CKA_WRAP), T(CKA_TOKEN), F4};
    CK_ATTRIBUTE private[] = {NAMES,
                              ATTRIBUTE(CKA_KEY_TYPE, rsa_type),
                              T(CKA_SIGN),
                              F(CKA_DECRYPT),
                              F(CKA_UNWRAP),
                              T(CKA_SENSITIVE),
                              T(CKA_TOKEN),
                              T(CKA_PRIVATE),
                              F(CKA_EXTRACTABLE)};
    REPLAY("OpenDNSSEC", false);
    public[2].pValue = private[2].pValue = &ec_type;
    replay(session, "OpenDNSSEC", true, public, COUNT(public) - 1, private, COUNT(private));
  }
  {
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_CLASS, public_class),
                             ATTRIBUTE(CKA_KEY_TYPE, rsa_type),
                             T(CKA_TOKEN),
                             T(CKA_ENCRYPT),
                             T(CKA_VERIFY),
                             T(CKA_WRAP),
                             TEXT(CKA_LABEL, "pdns"),
                             TEXT(CKA_PUBLIC_EXPONENT, "\0\1\0\1")};
    CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_CLASS, private_class),
                              ATTRIBUTE(CKA_KEY_TYPE, rsa_type),
                              T(CKA_TOKEN),
                              T(CKA_PRIVATE),
                              TEXT(CKA_LABEL, "pdns"),
                              TEXT(CKA_ID, "pdns"),
                              TEXT(CKA_SUBJECT, "pdns"),
                              T(CKA_SENSITIVE),
                              T(CKA_DECRYPT),
                              T(CKA_SIGN),
                              T(CKA_UNWRAP)};
    REPLAY("PowerDNS", false);
  }
  {
    CK_ATTRIBUTE public[] = {NAMES, T(CKA_TOKEN), F(CKA_PRIVATE), T(CKA_VERIFY), F4};
    CK_ATTRIBUTE private[] = {NAMES, T(CKA_TOKEN), T(CKA_PRIVATE), T(CKA_SENSITIVE), T(CKA_SIGN)};
    REPLAY("Knot DNS", false);
    replay(session, "Knot DNS", true, public, COUNT(public) - 1, private, COUNT(private));
  }
  {
    CK_ATTRIBUTE public[] = {NAMES, T(CKA_TOKEN), T(CKA_VERIFY), F(CKA_ENCRYPT), F(CKA_WRAP), F(CKA_PRIVATE), F4};
    CK_ATTRIBUTE private[] = {NAMES,        T(CKA_SIGN),    F(CKA_DECRYPT),    F(CKA_UNWRAP), T(CKA_SENSITIVE),
                              T(CKA_TOKEN), T(CKA_PRIVATE), F(CKA_EXTRACTABLE)};
    REPLAY("Krill", false);
  }
  {
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_CLASS, public_class),
                             T(CKA_TOKEN),
                             T(CKA_VERIFY),
                             T(CKA_ENCRYPT),
                             T(CKA_WRAP),
                             F(CKA_PRIVATE),
                             NAMES,
                             F4};
    CK_ATTRIBUTE private[] = {ALL_USES};
    REPLAY("BIND with the provider", false);
    CK_ATTRIBUTE ec_public[] = {ATTRIBUTE(CKA_CLASS, public_class), T(CKA_TOKEN), T(CKA_VERIFY), T(CKA_DERIVE), NAMES};
    CK_ATTRIBUTE ec_private[] = {ATTRIBUTE(CKA_CLASS, private_class),
                                 T(CKA_TOKEN),
                                 T(CKA_PRIVATE),
                                 T(CKA_SENSITIVE),
                                 T(CKA_SIGN),
                                 T(CKA_DERIVE),
                                 NAMES};
    replay(session, "BIND with the provider", true, ec_public, COUNT(ec_public), ec_private, COUNT(ec_private));
  }
}

TEST(tool_templates, "key generation takes the templates of command line tools, libraries and browsers (5.18.2)") {
  CK_SESSION_HANDLE session = start();
  {
    CK_ATTRIBUTE public[] = {
        ATTRIBUTE(CKA_CLASS, public_class), T(CKA_TOKEN), T(CKA_VERIFY), T(CKA_ENCRYPT), T(CKA_WRAP), NAMES, F4};
    CK_ATTRIBUTE private[] = {ALL_USES};
    REPLAY("pkcs11-tool", false);
    CK_ATTRIBUTE ec_public[] = {ATTRIBUTE(CKA_CLASS, public_class), T(CKA_TOKEN), T(CKA_VERIFY), T(CKA_DERIVE),
                                ATTRIBUTE(CKA_KEY_TYPE, ec_type),   NAMES};
    CK_ATTRIBUTE ec_private[] = {
        ATTRIBUTE(CKA_CLASS, private_class), T(CKA_TOKEN), T(CKA_PRIVATE), T(CKA_SENSITIVE), T(CKA_SIGN), T(CKA_DERIVE),
        ATTRIBUTE(CKA_KEY_TYPE, ec_type),    NAMES};
    replay(session, "pkcs11-tool", true, ec_public, COUNT(ec_public), ec_private, COUNT(ec_private));
  }
  {
    CK_ATTRIBUTE public[] = {NAMES, T(CKA_TOKEN), F(CKA_PRIVATE), T(CKA_VERIFY), T(CKA_ENCRYPT), F4};
    CK_ATTRIBUTE private[] = {NAMES, T(CKA_TOKEN), T(CKA_PRIVATE), T(CKA_SENSITIVE), T(CKA_SIGN), T(CKA_DECRYPT)};
    REPLAY("p11tool", false);
  }
  {
    CK_ATTRIBUTE public[] = {T(CKA_TOKEN),  F(CKA_PRIVATE),        T(CKA_MODIFIABLE),
                             T(CKA_VERIFY), T(CKA_VERIFY_RECOVER), T(CKA_ENCRYPT),
                             T(CKA_WRAP),   F(CKA_DERIVE),         F4};
    CK_ATTRIBUTE private[] = {T(CKA_SENSITIVE), T(CKA_PRIVATE), T(CKA_TOKEN), T(CKA_DECRYPT),
                              T(CKA_SIGN),      T(CKA_UNWRAP),  F(CKA_DERIVE)};
    REPLAY("NSS", false);
  }
  {
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_CLASS, public_class),
                             NAMES,
                             F(CKA_TOKEN),
                             T(CKA_MODIFIABLE),
                             T(CKA_ENCRYPT),
                             T(CKA_WRAP),
                             T(CKA_VERIFY),
                             F4};
    CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_CLASS, private_class),
                              NAMES,
                              F(CKA_TOKEN),
                              T(CKA_PRIVATE),
                              T(CKA_SENSITIVE),
                              T(CKA_MODIFIABLE),
                              T(CKA_DECRYPT),
                              T(CKA_UNWRAP),
                              T(CKA_SIGN),
                              F(CKA_DERIVE)};
    REPLAY("python-pkcs11", false);
  }
  {
    CK_ATTRIBUTE public[] = {ATTRIBUTE(CKA_CLASS, public_class),
                             ATTRIBUTE(CKA_KEY_TYPE, rsa_type),
                             T(CKA_TOKEN),
                             T(CKA_VERIFY),
                             T(CKA_ENCRYPT),
                             F4,
                             NAMES};
    CK_ATTRIBUTE private[] = {T(CKA_TOKEN), T(CKA_SIGN), T(CKA_DECRYPT), T(CKA_SENSITIVE), F(CKA_EXTRACTABLE), NAMES};
    REPLAY("crypto11", false);
  }
  {
    CK_ATTRIBUTE public[] = {F4};
    replay(session, "Java", false, public, 1, NULL, 0);
  }
}
