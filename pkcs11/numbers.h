/* Numbers of PKCS#11 3.2 that only this library has a use for (OASIS header pkcs11t.h); all others are generated. */
#ifndef DKS_NUMBERS_H
#define DKS_NUMBERS_H

/* CK_MECHANISM_INFO and C_SessionCancel. */
#undef CKF_FIND_OBJECTS
#undef CKF_DIGEST
#undef CKF_SIGN
#undef CKF_VERIFY
#define CKF_MESSAGE_ENCRYPT 0x2UL
#define CKF_MESSAGE_DECRYPT 0x4UL
#define CKF_MESSAGE_SIGN 0x8UL
#define CKF_MESSAGE_VERIFY 0x10UL
#define CKF_MULTI_MESSAGE 0x20UL
#define CKF_FIND_OBJECTS 0x40UL
#define CKF_ENCRYPT 0x100UL
#define CKF_DECRYPT 0x200UL
#define CKF_DIGEST 0x400UL
#define CKF_SIGN 0x800UL
#define CKF_SIGN_RECOVER 0x1000UL
#define CKF_VERIFY 0x2000UL
#define CKF_VERIFY_RECOVER 0x4000UL
#define CKF_GENERATE 0x8000UL
#define CKF_GENERATE_KEY_PAIR 0x10000UL
#define CKF_WRAP 0x20000UL
#define CKF_UNWRAP 0x40000UL
#define CKF_DERIVE 0x80000UL
#define CKF_ENCAPSULATE 0x10000000UL
#define CKF_DECAPSULATE 0x20000000UL

/* C_EncryptMessageNext and C_DecryptMessageNext. */
#define CKF_END_OF_MESSAGE 0x1UL

/* C_GetSessionValidationFlags. */
#define CKS_LAST_VALIDATION_OK 0x1UL

/* Attributes whose value is an array of CK_ATTRIBUTE or of numbers. */
#define CKF_ARRAY_ATTRIBUTE 0x40000000UL

/* Who makes the IV of a message. */
#define CKG_NO_GENERATE 0x0UL
#define CKG_GENERATE 0x1UL
#define CKG_GENERATE_COUNTER 0x2UL
#define CKG_GENERATE_RANDOM 0x3UL
#define CKG_GENERATE_COUNTER_XOR 0x4UL

#endif
