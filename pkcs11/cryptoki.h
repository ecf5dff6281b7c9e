/*
 * The C ABI of PKCS#11: types, structures, functions and function lists of version 2.40, 3.0 and 3.2
 * (OASIS "PKCS #11 Cryptographic Token Interface Base Specification", chapters 3 and 5). Constants are generated. The three
 * tables of functions stay together: each list begins with the one before.
 */
#ifndef DKS_CRYPTOKI_H
#define DKS_CRYPTOKI_H

#include <stdint.h>

#include "generated.h"
#include "numbers.h"

typedef unsigned char CK_BYTE, CK_CHAR, CK_UTF8CHAR, CK_BBOOL;
typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV, CK_FLAGS, CK_SLOT_ID, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_OBJECT_CLASS, CK_KEY_TYPE;
typedef CK_ULONG CK_ATTRIBUTE_TYPE, CK_MECHANISM_TYPE, CK_USER_TYPE, CK_STATE, CK_NOTIFICATION;

/* Attribute values of type CK_ULONG cross the wire as 8 bytes little-endian, and are the caller's memory as it is. */
_Static_assert(sizeof(CK_ULONG) == 8, "CK_ULONG must have 8 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "CK_ULONG must be little-endian");

#define CK_TRUE 1
#define CK_FALSE 0
#define CK_UNAVAILABLE_INFORMATION (~0UL)
#define CK_EFFECTIVELY_INFINITE 0UL

typedef struct {
  CK_BYTE major, minor;
} CK_VERSION;

typedef struct {
  CK_VERSION cryptokiVersion;
  CK_UTF8CHAR manufacturerID[32];
  CK_FLAGS flags;
  CK_UTF8CHAR libraryDescription[32];
  CK_VERSION libraryVersion;
} CK_INFO;

typedef struct {
  CK_UTF8CHAR slotDescription[64];
  CK_UTF8CHAR manufacturerID[32];
  CK_FLAGS flags;
  CK_VERSION hardwareVersion, firmwareVersion;
} CK_SLOT_INFO;

typedef struct {
  CK_UTF8CHAR label[32];
  CK_UTF8CHAR manufacturerID[32];
  CK_UTF8CHAR model[16];
  CK_CHAR serialNumber[16];
  CK_FLAGS flags;
  CK_ULONG ulMaxSessionCount, ulSessionCount, ulMaxRwSessionCount, ulRwSessionCount;
  CK_ULONG ulMaxPinLen, ulMinPinLen;
  CK_ULONG ulTotalPublicMemory, ulFreePublicMemory, ulTotalPrivateMemory, ulFreePrivateMemory;
  CK_VERSION hardwareVersion, firmwareVersion;
  CK_CHAR utcTime[16];
} CK_TOKEN_INFO;

typedef struct {
  CK_SLOT_ID slotID;
  CK_STATE state;
  CK_FLAGS flags;
  CK_ULONG ulDeviceError;
} CK_SESSION_INFO;

typedef struct {
  CK_ATTRIBUTE_TYPE type;
  void *pValue;
  CK_ULONG ulValueLen;
} CK_ATTRIBUTE;

typedef struct {
  CK_MECHANISM_TYPE mechanism;
  void *pParameter;
  CK_ULONG ulParameterLen;
} CK_MECHANISM;

typedef struct {
  CK_ULONG ulMinKeySize, ulMaxKeySize;
  CK_FLAGS flags;
} CK_MECHANISM_INFO;

#include "cryptoki_parameters.h"

typedef CK_RV (*CK_NOTIFY)(CK_SESSION_HANDLE session, CK_NOTIFICATION event, void *application);

typedef struct {
  CK_RV (*CreateMutex)(void **mutex);
  CK_RV (*DestroyMutex)(void *mutex);
  CK_RV (*LockMutex)(void *mutex);
  CK_RV (*UnlockMutex)(void *mutex);
  CK_FLAGS flags;
  void *pReserved;
} CK_C_INITIALIZE_ARGS;

typedef struct CK_FUNCTION_LIST CK_FUNCTION_LIST;
typedef struct CK_FUNCTION_LIST_3_0 CK_FUNCTION_LIST_3_0;
typedef struct CK_FUNCTION_LIST_3_2 CK_FUNCTION_LIST_3_2;

/* Result of an asynchronous call (PKCS#11 3.2, 3.8). */
typedef struct {
  CK_ULONG ulVersion;
  CK_BYTE *pValue;
  CK_ULONG ulValue;
  CK_OBJECT_HANDLE hObject, hAdditionalObject;
} CK_ASYNC_DATA;

typedef struct {
  char *pInterfaceName;
  void *pFunctionList;
  CK_FLAGS flags;
} CK_INTERFACE;

/* X(name, (parameters)) for the functions of the 2.40 list, in the order of the list. */
#define CK_FUNCTIONS_2_40(X)                                                                                           \
  X(C_Initialize, (void *pInitArgs))                                                                                   \
  X(C_Finalize, (void *pReserved))                                                                                     \
  X(C_GetInfo, (CK_INFO * pInfo))                                                                                      \
  X(C_GetFunctionList, (CK_FUNCTION_LIST * *ppFunctionList))                                                           \
  X(C_GetSlotList, (CK_BBOOL tokenPresent, CK_SLOT_ID * pSlotList, CK_ULONG * pulCount))                               \
  X(C_GetSlotInfo, (CK_SLOT_ID slotID, CK_SLOT_INFO * pInfo))                                                          \
  X(C_GetTokenInfo, (CK_SLOT_ID slotID, CK_TOKEN_INFO * pInfo))                                                        \
  X(C_GetMechanismList, (CK_SLOT_ID slotID, CK_MECHANISM_TYPE * pMechanismList, CK_ULONG * pulCount))                  \
  X(C_GetMechanismInfo, (CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO * pInfo))                        \
  X(C_InitToken, (CK_SLOT_ID slotID, CK_UTF8CHAR * pPin, CK_ULONG ulPinLen, CK_UTF8CHAR * pLabel))                     \
  X(C_InitPIN, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pPin, CK_ULONG ulPinLen))                                    \
  X(C_SetPIN, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pOldPin, CK_ULONG ulOldLen, CK_UTF8CHAR * pNewPin,            \
               CK_ULONG ulNewLen))                                                                                     \
  X(C_OpenSession, (CK_SLOT_ID slotID, CK_FLAGS flags, void *pApplication, CK_NOTIFY Notify,                           \
                    CK_SESSION_HANDLE *phSession))                                                                     \
  X(C_CloseSession, (CK_SESSION_HANDLE hSession))                                                                      \
  X(C_CloseAllSessions, (CK_SLOT_ID slotID))                                                                           \
  X(C_GetSessionInfo, (CK_SESSION_HANDLE hSession, CK_SESSION_INFO * pInfo))                                           \
  X(C_GetOperationState, (CK_SESSION_HANDLE hSession, CK_BYTE * pOperationState, CK_ULONG * pulOperationStateLen))                       \
  X(C_SetOperationState, (CK_SESSION_HANDLE hSession, CK_BYTE * pState, CK_ULONG ulStateLen,                           \
                          CK_OBJECT_HANDLE hEncryptionKey, CK_OBJECT_HANDLE hAuthenticationKey))                       \
  X(C_Login, (CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR * pPin, CK_ULONG ulPinLen))               \
  X(C_Logout, (CK_SESSION_HANDLE hSession))                                                                            \
  X(C_CreateObject, (CK_SESSION_HANDLE hSession, CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount,                           \
                     CK_OBJECT_HANDLE *phObject))                                                                      \
  X(C_CopyObject, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE * pTemplate,                     \
                   CK_ULONG ulCount, CK_OBJECT_HANDLE * phNewObject))                                                  \
  X(C_DestroyObject, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject))                                           \
  X(C_GetObjectSize, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG * pulSize))                       \
  X(C_GetAttributeValue, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE * pTemplate,              \
                          CK_ULONG ulCount))                                                                           \
  X(C_SetAttributeValue, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE * pTemplate,              \
                          CK_ULONG ulCount))                                                                           \
  X(C_FindObjectsInit, (CK_SESSION_HANDLE hSession, CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount))                       \
  X(C_FindObjects, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE * phObject, CK_ULONG ulMaxObjectCount,                \
                    CK_ULONG * pulObjectCount))                                                                        \
  X(C_FindObjectsFinal, (CK_SESSION_HANDLE hSession))                                                                  \
  X(C_EncryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))                     \
  X(C_Encrypt, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen, CK_BYTE * pOutput,                    \
                CK_ULONG * pulOutputLen))                                                                              \
  X(C_EncryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen, CK_BYTE * pOutput,              \
                      CK_ULONG * pulOutputLen))                                                                        \
  X(C_EncryptFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pOutput, CK_ULONG * pulOutputLen))                          \
  X(C_DecryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))                     \
  X(C_Decrypt, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen, CK_BYTE * pOutput,                    \
                CK_ULONG * pulOutputLen))                                                                              \
  X(C_DecryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen, CK_BYTE * pOutput,              \
                      CK_ULONG * pulOutputLen))                                                                        \
  X(C_DecryptFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pOutput, CK_ULONG * pulOutputLen))                          \
  X(C_DigestInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism))                                             \
  X(C_Digest, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen, CK_BYTE * pDigest,                     \
               CK_ULONG * pulDigestLen))                                                                               \
  X(C_DigestUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))                                 \
  X(C_DigestKey, (CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey))                                                  \
  X(C_DigestFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pDigest, CK_ULONG * pulDigestLen))                           \
  X(C_SignInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))                        \
  X(C_Sign, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen, CK_BYTE * pSignature,                    \
             CK_ULONG * pulSignatureLen))                                                                              \
  X(C_SignUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))                                   \
  X(C_SignFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pSignature, CK_ULONG * pulSignatureLen))                       \
  X(C_SignRecoverInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))                 \
  X(C_SignRecover, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen, CK_BYTE * pSignature,             \
                    CK_ULONG * pulSignatureLen))                                                                       \
  X(C_VerifyInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))                      \
  X(C_Verify, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen, CK_BYTE * pSignature,                  \
               CK_ULONG ulSignatureLen))                                                                               \
  X(C_VerifyUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))                                 \
  X(C_VerifyFinal, (CK_SESSION_HANDLE hSession, CK_BYTE * pSignature, CK_ULONG ulSignatureLen))                        \
  X(C_VerifyRecoverInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))               \
  X(C_VerifyRecover, (CK_SESSION_HANDLE hSession, CK_BYTE * pSignature, CK_ULONG ulSignatureLen, CK_BYTE * pData,      \
                      CK_ULONG * pulDataLen))                                                                          \
  X(C_DigestEncryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen, CK_BYTE * pOutput,        \
                            CK_ULONG * pulOutputLen))                                                                  \
  X(C_DecryptDigestUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen, CK_BYTE * pOutput,        \
                            CK_ULONG * pulOutputLen))                                                                  \
  X(C_SignEncryptUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen, CK_BYTE * pOutput,          \
                          CK_ULONG * pulOutputLen))                                                                    \
  X(C_DecryptVerifyUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen, CK_BYTE * pOutput,        \
                            CK_ULONG * pulOutputLen))                                                                  \
  X(C_GenerateKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_ATTRIBUTE * pTemplate,                   \
                    CK_ULONG ulCount, CK_OBJECT_HANDLE * phKey))                                                       \
  X(C_GenerateKeyPair, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_ATTRIBUTE * pPublicKeyTemplate,      \
                        CK_ULONG ulPublicKeyAttributeCount, CK_ATTRIBUTE * pPrivateKeyTemplate,                        \
                        CK_ULONG ulPrivateKeyAttributeCount, CK_OBJECT_HANDLE * phPublicKey,                           \
                        CK_OBJECT_HANDLE * phPrivateKey))                                                              \
  X(C_WrapKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hWrappingKey,                  \
                CK_OBJECT_HANDLE hKey, CK_BYTE * pWrappedKey, CK_ULONG * pulWrappedKeyLen))                            \
  X(C_UnwrapKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hUnwrappingKey,              \
                  CK_BYTE * pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount,         \
                  CK_OBJECT_HANDLE * phKey))                                                                           \
  X(C_DeriveKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hBaseKey,                    \
                  CK_ATTRIBUTE * pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE * phKey))                               \
  X(C_SeedRandom, (CK_SESSION_HANDLE hSession, CK_BYTE * pSeed, CK_ULONG ulSeedLen))                                   \
  X(C_GenerateRandom, (CK_SESSION_HANDLE hSession, CK_BYTE * pRandomData, CK_ULONG ulRandomLen))                       \
  X(C_GetFunctionStatus, (CK_SESSION_HANDLE hSession))                                                                 \
  X(C_CancelFunction, (CK_SESSION_HANDLE hSession))                                                                    \
  X(C_WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID * pSlot, void *pReserved))

/* The functions that the 3.0 list adds. */
#define CK_FUNCTIONS_3_0(X)                                                                                            \
  X(C_GetInterfaceList, (CK_INTERFACE * pInterfacesList, CK_ULONG * pulCount))                                         \
  X(C_GetInterface, (CK_UTF8CHAR * pInterfaceName, CK_VERSION * pVersion, CK_INTERFACE * *ppInterface,                 \
                     CK_FLAGS flags))                                                                                  \
  X(C_LoginUser, (CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR * pPin, CK_ULONG ulPinLen,            \
                  CK_UTF8CHAR * pUsername, CK_ULONG ulUsernameLen))                                                    \
  X(C_SessionCancel, (CK_SESSION_HANDLE hSession, CK_FLAGS flags))                                                     \
  CK_MESSAGE_FUNCTIONS(X)

#define CK_MESSAGE_FUNCTIONS(X)                                                                                        \
  X(C_MessageEncryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))              \
  X(C_EncryptMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                          \
                       CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE *pPlaintext,                    \
                       CK_ULONG ulPlaintextLen, CK_BYTE *pCiphertext, CK_ULONG *pulCiphertextLen))                     \
  X(C_EncryptMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                     \
                            CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen))                                   \
  X(C_EncryptMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                      \
                           CK_BYTE *pPlaintextPart, CK_ULONG ulPlaintextPartLen, CK_BYTE *pCiphertextPart,             \
                           CK_ULONG *pulCiphertextPartLen, CK_FLAGS flags))                                            \
  X(C_MessageEncryptFinal, (CK_SESSION_HANDLE hSession))                                                               \
  X(C_MessageDecryptInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))              \
  X(C_DecryptMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                          \
                       CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE *pCiphertext,                   \
                       CK_ULONG ulCiphertextLen, CK_BYTE *pPlaintext, CK_ULONG *pulPlaintextLen))                      \
  X(C_DecryptMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                     \
                            CK_BYTE *pAssociatedData, CK_ULONG ulAssociatedDataLen))                                   \
  X(C_DecryptMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen,                      \
                           CK_BYTE *pCiphertextPart, CK_ULONG ulCiphertextPartLen, CK_BYTE *pPlaintextPart,            \
                           CK_ULONG *pulPlaintextPartLen, CK_FLAGS flags))                                             \
  X(C_MessageDecryptFinal, (CK_SESSION_HANDLE hSession))                                                               \
  X(C_MessageSignInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))                 \
  X(C_SignMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,             \
                    CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen))                               \
  X(C_SignMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen))                       \
  X(C_SignMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,         \
                        CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen))                           \
  X(C_MessageSignFinal, (CK_SESSION_HANDLE hSession))                                                                  \
  X(C_MessageVerifyInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey))               \
  X(C_VerifyMessage, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,           \
                      CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen))                               \
  X(C_VerifyMessageBegin, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen))                     \
  X(C_VerifyMessageNext, (CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen, CK_BYTE *pData,       \
                          CK_ULONG ulDataLen, CK_BYTE *pSignature, CK_ULONG ulSignatureLen))                           \
  X(C_MessageVerifyFinal, (CK_SESSION_HANDLE hSession))

/* The functions that the 3.2 list adds. */
#define CK_FUNCTIONS_3_2(X)                                                                                            \
  X(C_EncapsulateKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hPublicKey,             \
                       CK_ATTRIBUTE * pTemplate, CK_ULONG ulAttributeCount, CK_BYTE * pCiphertext, CK_ULONG *          \
                       pulCiphertextLen, CK_OBJECT_HANDLE * phKey))                                                    \
  X(C_DecapsulateKey, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hPrivateKey,            \
                       CK_ATTRIBUTE * pTemplate, CK_ULONG ulAttributeCount, CK_BYTE * pCiphertext, CK_ULONG            \
                       ulCiphertextLen, CK_OBJECT_HANDLE * phKey))                                                     \
  X(C_VerifySignatureInit, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hKey, CK_BYTE *    \
                            pSignature, CK_ULONG ulSignatureLen))                                                      \
  X(C_VerifySignature, (CK_SESSION_HANDLE hSession, CK_BYTE * pData, CK_ULONG ulDataLen))                              \
  X(C_VerifySignatureUpdate, (CK_SESSION_HANDLE hSession, CK_BYTE * pPart, CK_ULONG ulPartLen))                        \
  X(C_VerifySignatureFinal, (CK_SESSION_HANDLE hSession))                                                              \
  X(C_GetSessionValidationFlags, (CK_SESSION_HANDLE hSession, CK_ULONG type, CK_FLAGS * pFlags))                       \
  X(C_AsyncComplete, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pFunctionName, CK_ASYNC_DATA * pResult))               \
  X(C_AsyncGetID, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pFunctionName, CK_ULONG * pulID))                         \
  X(C_AsyncJoin, (CK_SESSION_HANDLE hSession, CK_UTF8CHAR * pFunctionName, CK_ULONG ulID, CK_BYTE * pData, CK_ULONG    \
                  ulData))                                                                                             \
  X(C_WrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE hWrappingKey,     \
                             CK_OBJECT_HANDLE hKey, CK_BYTE * pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE   \
                             * pWrappedKey, CK_ULONG * pulWrappedKeyLen))                                              \
  X(C_UnwrapKeyAuthenticated, (CK_SESSION_HANDLE hSession, CK_MECHANISM * pMechanism, CK_OBJECT_HANDLE                 \
                               hUnwrappingKey, CK_BYTE * pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE *         \
                               pTemplate, CK_ULONG ulAttributeCount, CK_BYTE * pAssociatedData, CK_ULONG               \
                               ulAssociatedDataLen, CK_OBJECT_HANDLE * phKey))

#define CK_DECLARE(name, parameters) __attribute__((visibility("default"))) CK_RV name parameters;
#define CK_MEMBER(name, parameters) CK_RV(*name) parameters;

CK_FUNCTIONS_2_40(CK_DECLARE)
CK_FUNCTIONS_3_0(CK_DECLARE)
CK_FUNCTIONS_3_2(CK_DECLARE)

struct CK_FUNCTION_LIST {
  CK_VERSION version;
  CK_FUNCTIONS_2_40(CK_MEMBER)
};

struct CK_FUNCTION_LIST_3_0 {
  CK_VERSION version;
  CK_FUNCTIONS_2_40(CK_MEMBER)
  CK_FUNCTIONS_3_0(CK_MEMBER)
};

struct CK_FUNCTION_LIST_3_2 {
  CK_VERSION version;
  CK_FUNCTIONS_2_40(CK_MEMBER)
  CK_FUNCTIONS_3_0(CK_MEMBER)
  CK_FUNCTIONS_3_2(CK_MEMBER)
};

/* 68, 92 and 104 functions behind the version. */
_Static_assert(sizeof(CK_FUNCTION_LIST) == 69 * sizeof(void *), "the 2.40 list has 68 functions");
_Static_assert(sizeof(CK_FUNCTION_LIST_3_0) == 93 * sizeof(void *), "the 3.0 list has 92 functions");
_Static_assert(sizeof(CK_FUNCTION_LIST_3_2) == 105 * sizeof(void *), "the 3.2 list has 104 functions");

#endif
