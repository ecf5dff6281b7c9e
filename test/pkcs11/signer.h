/* One signature or MAC by all functions that sign and verify: once, in parts, message by message (3.0), with the signature first (3.2). */
#ifndef DKS_TEST_SIGNER_H
#define DKS_TEST_SIGNER_H

#include "checks.h"

enum { DATA = 300 };

static CK_BYTE data[DATA];

struct signer {
  CK_MECHANISM mechanism;
  CK_OBJECT_HANDLE signs, verifies;
  /* Bytes of the signature, and of the data. */
  CK_ULONG size, length;
};

/* Once and in parts; the signature ends at an unmapped page. */
static inline void check_sign(const struct signer *signer, CK_BYTE *signature) {
  CK_MECHANISM mechanism = signer->mechanism;
  CK_ULONG size = 0, length = signer->length;
  CK_BYTE *exact = guarded(signer->size);
  OK(p11->C_SignInit(session, &mechanism, signer->signs));
  EXPECT(CKR_OPERATION_ACTIVE, p11->C_SignInit(session, &mechanism, signer->signs));
  OK(p11->C_Sign(session, data, length, NULL, &size));
  if (size != signer->size) FAIL("mechanism 0x%lx: %lu bytes, not %lu", mechanism.mechanism, size, signer->size);
  size--;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_Sign(session, data, length, exact, &size));
  CHECK(size == signer->size);
  check_untouched(exact, 0, size);
  OK(p11->C_Sign(session, data, length, exact, &size));
  CHECK(size == signer->size);
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(session, data, length, exact, &size));

  OK(p11->C_SignInit(session, &mechanism, signer->signs));
  OK(p11->C_SignUpdate(session, data, length / 3));
  OK(p11->C_SignUpdate(session, data + length / 3, length - length / 3));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(session, data, length, exact, &size));
  OK(p11->C_SignFinal(session, NULL, &size));
  OK(p11->C_SignFinal(session, exact, &size));
  CHECK(size == signer->size);
  memcpy(signature, exact, size);
}

static inline void check_verify(const struct signer *signer, CK_BYTE *signature) {
  CK_MECHANISM mechanism = signer->mechanism;
  CK_ULONG size = signer->size, length = signer->length;
  OK(p11->C_VerifyInit(session, &mechanism, signer->verifies));
  OK(p11->C_Verify(session, data, length, signature, size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(session, data, length, signature, size));
  OK(p11->C_VerifyInit(session, &mechanism, signer->verifies));
  OK(p11->C_VerifyUpdate(session, data, 1));
  OK(p11->C_VerifyUpdate(session, data + 1, length - 1));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(session, data, length, signature, size));
  OK(p11->C_VerifyFinal(session, signature, size));
  OK(p11->C_VerifyInit(session, &mechanism, signer->verifies));
  EXPECT(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(session, data, length, signature, size - 1));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_VerifyFinal(session, signature, size));

  OK(p32->C_VerifySignatureInit(session, &mechanism, signer->verifies, signature, size));
  EXPECT(CKR_OPERATION_ACTIVE, p11->C_VerifyInit(session, &mechanism, signer->verifies));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(session, data, length, signature, size));
  OK(p32->C_VerifySignature(session, data, length));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p32->C_VerifySignature(session, data, length));
  OK(p32->C_VerifySignatureInit(session, &mechanism, signer->verifies, signature, size));
  OK(p32->C_VerifySignatureUpdate(session, data, 2));
  OK(p32->C_VerifySignatureUpdate(session, data + 2, length - 2));
  OK(p32->C_VerifySignatureFinal(session));
  EXPECT(CKR_SIGNATURE_LEN_RANGE,
         p32->C_VerifySignatureInit(session, &mechanism, signer->verifies, signature, size - 1));
  EXPECT(CKR_ARGUMENTS_BAD, p32->C_VerifySignatureInit(session, &mechanism, signer->verifies, NULL, size));

  signature[size / 2] ^= 4;
  OK(p11->C_VerifyInit(session, &mechanism, signer->verifies));
  EXPECT(CKR_SIGNATURE_INVALID, p11->C_Verify(session, data, length, signature, size));
  OK(p32->C_VerifySignatureInit(session, &mechanism, signer->verifies, signature, size));
  EXPECT(CKR_SIGNATURE_INVALID, p32->C_VerifySignature(session, data, length));
  signature[size / 2] ^= 4;
  data[0] ^= 1;
  OK(p11->C_VerifyInit(session, &mechanism, signer->verifies));
  EXPECT(CKR_SIGNATURE_INVALID, p11->C_Verify(session, data, length, signature, size));
  data[0] ^= 1;
}

/* Two messages under one Init. */
static inline void check_messages(const struct signer *signer, CK_BYTE *signature) {
  CK_MECHANISM mechanism = signer->mechanism;
  CK_ULONG size = 0, length = signer->length;
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p32->C_SignMessage(session, NULL, 0, data, length, signature, &size));
  OK(p32->C_MessageSignInit(session, &mechanism, signer->signs));
  OK(p32->C_SignMessage(session, NULL, 0, data, length, NULL, &size));
  CHECK(size == signer->size);
  OK(p32->C_SignMessage(session, NULL, 0, data, length, signature, &size));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p32->C_SignMessageNext(session, NULL, 0, data, 1, NULL, NULL));
  OK(p32->C_SignMessageBegin(session, NULL, 0));
  EXPECT(CKR_OPERATION_ACTIVE, p32->C_SignMessage(session, NULL, 0, data, length, signature, &size));
  OK(p32->C_SignMessageNext(session, NULL, 0, data, 3, NULL, NULL));
  size = 1;
  EXPECT(CKR_BUFFER_TOO_SMALL, p32->C_SignMessageNext(session, NULL, 0, data + 3, length - 3, signature, &size));
  OK(p32->C_SignMessageNext(session, NULL, 0, data + 3, length - 3, signature, &size));
  OK(p32->C_MessageSignFinal(session));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p32->C_MessageSignFinal(session));
  OK(p32->C_MessageVerifyInit(session, &mechanism, signer->verifies));
  OK(p32->C_VerifyMessage(session, NULL, 0, data, length, signature, size));
  signature[0] ^= 1;
  EXPECT(CKR_SIGNATURE_INVALID, p32->C_VerifyMessage(session, NULL, 0, data, length, signature, size));
  signature[0] ^= 1;
  OK(p32->C_VerifyMessageBegin(session, NULL, 0));
  OK(p32->C_VerifyMessageNext(session, NULL, 0, data, 3, NULL, 0));
  OK(p32->C_VerifyMessageNext(session, NULL, 0, data + 3, length - 3, signature, size));
  OK(p32->C_MessageVerifyFinal(session));
}

static inline void check_signer(struct signer signer) {
  CK_BYTE *signature = malloc(signer.size);
  check_sign(&signer, signature);
  check_verify(&signer, signature);
  check_messages(&signer, signature);
  free(signature);
}

static inline struct key_pair signing_pair(CK_MECHANISM_TYPE type, CK_ATTRIBUTE size) {
  CK_ATTRIBUTE public[] = {size, {CKA_VERIFY, &yes, 1}, {CKA_VERIFY_RECOVER, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, 1}, {CKA_SIGN_RECOVER, &yes, 1}};
  bool rsa = type == CKM_RSA_PKCS_KEY_PAIR_GEN;
  return make_pair(type, public, rsa ? 3 : 2, private, rsa ? 2 : 1);
}

static inline void begin_signing(const char *module) {
  begin_checks(module);
  for (size_t i = 0; i < DATA; i++) data[i] = (CK_BYTE)(i % 3 == 0 ? 0xc0 : i);
}

#endif
