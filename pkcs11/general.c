/* General-purpose functions (PKCS#11 5.4) and the function lists. */

#include <string.h>

#include "process.h"

#define MANUFACTURER "DiamondKeySecurity"
#define DESCRIPTION "libcryptechdks-pkcs11.so"

#define ENTRY(name, parameters) .name = name,

static CK_RV get_info_3_0(CK_INFO *info);
static CK_RV get_info_3_2(CK_INFO *info);

static CK_FUNCTION_LIST list_2_40 = {.version = {2, 40}, CK_FUNCTIONS_2_40(ENTRY)};
/* Each list tells its own version in C_GetInfo. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static CK_FUNCTION_LIST_3_0 list_3_0 = {
    .version = {3, 0}, CK_FUNCTIONS_2_40(ENTRY) CK_FUNCTIONS_3_0(ENTRY).C_GetInfo = get_info_3_0};
static CK_FUNCTION_LIST_3_2 list_3_2 = {
    .version = {3, 2},
    CK_FUNCTIONS_2_40(ENTRY) CK_FUNCTIONS_3_0(ENTRY) CK_FUNCTIONS_3_2(ENTRY).C_GetInfo = get_info_3_2};
#pragma GCC diagnostic pop

/* The newest first: a caller without a wish gets it. Not marked fork-safe: a child has to initialize again. */
static char interface_name[] = "PKCS 11";
static CK_INTERFACE interfaces[] = {
    {interface_name, &list_3_2, 0}, {interface_name, &list_3_0, 0}, {interface_name, &list_2_40, 0}};
enum { INTERFACES = sizeof interfaces / sizeof interfaces[0] };

/* Mutex callbacks are accepted only if the operating system's may be used in their place. */
static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *arguments) {
  if (arguments == NULL) return CKR_OK;
  if (arguments->pReserved != NULL) return CKR_ARGUMENTS_BAD;
  int callbacks = (arguments->CreateMutex != NULL) + (arguments->DestroyMutex != NULL) +
                  (arguments->LockMutex != NULL) + (arguments->UnlockMutex != NULL);
  if (callbacks != 0 && callbacks != 4) return CKR_ARGUMENTS_BAD;
  return callbacks == 4 && (arguments->flags & CKF_OS_LOCKING_OK) == 0 ? CKR_CANT_LOCK : CKR_OK;
}

CK_RV C_Initialize(void *pInitArgs) {
  CK_RV rv = check_arguments(pInitArgs);
  return rv == CKR_OK ? process_start() : rv;
}

CK_RV C_Finalize(void *pReserved) {
  if (pReserved != NULL) return CKR_ARGUMENTS_BAD;
  return process_stop();
}

static CK_RV get_info(CK_INFO *info, CK_VERSION version) {
  if (process_enter() == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  process_leave();
  if (info == NULL) return CKR_ARGUMENTS_BAD;
  *info = (CK_INFO){.cryptokiVersion = version, .libraryVersion = {1, 0}};
  pad_text(info->manufacturerID, sizeof info->manufacturerID, MANUFACTURER, sizeof MANUFACTURER - 1);
  pad_text(info->libraryDescription, sizeof info->libraryDescription, DESCRIPTION, sizeof DESCRIPTION - 1);
  return CKR_OK;
}

CK_RV C_GetInfo(CK_INFO *pInfo) { return get_info(pInfo, (CK_VERSION){2, 40}); }
static CK_RV get_info_3_0(CK_INFO *info) { return get_info(info, (CK_VERSION){3, 0}); }
static CK_RV get_info_3_2(CK_INFO *info) { return get_info(info, (CK_VERSION){3, 2}); }

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ppFunctionList) {
  if (ppFunctionList == NULL) return CKR_ARGUMENTS_BAD;
  *ppFunctionList = &list_2_40;
  return CKR_OK;
}

CK_RV C_GetInterfaceList(CK_INTERFACE *pInterfacesList, CK_ULONG *pulCount) {
  if (pulCount == NULL) return CKR_ARGUMENTS_BAD;
  CK_ULONG room = *pulCount;
  *pulCount = INTERFACES;
  if (pInterfacesList == NULL) return CKR_OK;
  if (room < INTERFACES) return CKR_BUFFER_TOO_SMALL;
  memcpy(pInterfacesList, interfaces, sizeof interfaces);
  return CKR_OK;
}

CK_RV C_GetInterface(CK_UTF8CHAR *pInterfaceName, CK_VERSION *pVersion, CK_INTERFACE **ppInterface, CK_FLAGS flags) {
  if (ppInterface == NULL) return CKR_ARGUMENTS_BAD;
  if (pInterfaceName != NULL && strcmp((const char *)pInterfaceName, interface_name) != 0) return CKR_ARGUMENTS_BAD;
  for (int i = 0; i < INTERFACES; i++) {
    /* Every function list begins with its version. */
    const CK_VERSION *version = interfaces[i].pFunctionList;
    if (pVersion != NULL && (pVersion->major != version->major || pVersion->minor != version->minor)) continue;
    if ((interfaces[i].flags & flags) != flags) continue;
    *ppInterface = &interfaces[i];
    return CKR_OK;
  }
  return CKR_ARGUMENTS_BAD;
}
