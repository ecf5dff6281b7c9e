/* Slot and token management (PKCS#11 5.5): one slot, number 0, whose token is the appliance. */

#include <string.h>

#include "process.h"

#define SLOT_DESCRIPTION "Diamond-HSM-slot"
#define MANUFACTURER "DiamondKeySecurity"

enum { SLOT = 0 };

/* Begins a call about the slot. */
static CK_RV slot_begin(struct library **library, CK_SLOT_ID slot) {
  *library = process_enter();
  if (*library == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (slot == SLOT) return CKR_OK;
  process_leave();
  return CKR_SLOT_ID_INVALID;
}

static CK_RV slot_end(CK_RV rv) {
  process_leave();
  return rv;
}

static CK_VERSION version_of(uint32_t number) {
  return (CK_VERSION){(CK_BYTE)(number >> 8), (CK_BYTE)number};
}

CK_RV C_GetSlotList(CK_BBOOL tokenPresent, CK_SLOT_ID *pSlotList, CK_ULONG *pulCount) {
  struct library *library;
  CK_RV rv = slot_begin(&library, SLOT);
  if (rv != CKR_OK) return rv;
  if (pulCount == NULL) return slot_end(CKR_ARGUMENTS_BAD);
  CK_ULONG room = *pulCount;
  *pulCount = !tokenPresent || token_present(library) ? 1 : 0;
  if (pSlotList == NULL || *pulCount == 0) return slot_end(CKR_OK);
  if (room < 1) return slot_end(CKR_BUFFER_TOO_SMALL);
  pSlotList[0] = SLOT;
  return slot_end(CKR_OK);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slotID, CK_SLOT_INFO *pInfo) {
  struct library *library;
  CK_RV rv = slot_begin(&library, slotID);
  if (rv != CKR_OK) return rv;
  if (pInfo == NULL) return slot_end(CKR_ARGUMENTS_BAD);
  *pInfo = (CK_SLOT_INFO){.flags = CKF_HW_SLOT, .hardwareVersion = {0, 1}, .firmwareVersion = {1, 0}};
  if (token_present(library)) pInfo->flags |= CKF_TOKEN_PRESENT;
  pad_text(pInfo->slotDescription, sizeof pInfo->slotDescription, SLOT_DESCRIPTION, sizeof SLOT_DESCRIPTION - 1);
  pad_text(pInfo->manufacturerID, sizeof pInfo->manufacturerID, MANUFACTURER, sizeof MANUFACTURER - 1);
  return slot_end(CKR_OK);
}

static void fill_token_info(struct library *library, const struct token_info *known, CK_TOKEN_INFO *info) {
  CK_ULONG read_only, writable;
  session_count(library, &read_only, &writable);
  *info = (CK_TOKEN_INFO){
      .flags = known->flags,
      .ulMaxSessionCount = SESSIONS_MAX,
      .ulSessionCount = read_only + writable,
      .ulMaxRwSessionCount = SESSIONS_MAX,
      .ulRwSessionCount = writable,
      .ulMaxPinLen = known->pin_max,
      .ulMinPinLen = known->pin_min,
      .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
      .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
      .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
      .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
      .hardwareVersion = version_of(known->hardware),
      .firmwareVersion = version_of(known->firmware),
  };
  memcpy(info->label, known->label, sizeof info->label);
  memcpy(info->manufacturerID, known->manufacturer, sizeof info->manufacturerID);
  memcpy(info->model, known->model, sizeof info->model);
  memcpy(info->serialNumber, known->serial, sizeof info->serialNumber);
  memset(info->utcTime, ' ', sizeof info->utcTime);
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slotID, CK_TOKEN_INFO *pInfo) {
  struct library *library;
  struct token_info known;
  CK_RV rv = slot_begin(&library, slotID);
  if (rv != CKR_OK) return rv;
  if (pInfo == NULL) return slot_end(CKR_ARGUMENTS_BAD);
  rv = token_get_info(library, &known);
  if (rv == CKR_OK) fill_token_info(library, &known, pInfo);
  return slot_end(rv);
}

static CK_RV list_mechanisms(struct library *library, CK_MECHANISM_TYPE *types, CK_ULONG *count) {
  const struct token_mechanism *mechanisms;
  CK_ULONG known, room = *count;
  CK_RV rv = token_get_mechanisms(library, &mechanisms, &known);
  if (rv != CKR_OK) return rv;
  *count = known;
  if (types == NULL) return CKR_OK;
  if (room < known) return CKR_BUFFER_TOO_SMALL;
  for (CK_ULONG i = 0; i < known; i++) types[i] = mechanisms[i].type;
  return CKR_OK;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slotID, CK_MECHANISM_TYPE *pMechanismList, CK_ULONG *pulCount) {
  struct library *library;
  CK_RV rv = slot_begin(&library, slotID);
  if (rv != CKR_OK) return rv;
  return slot_end(pulCount == NULL ? CKR_ARGUMENTS_BAD : list_mechanisms(library, pMechanismList, pulCount));
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *pInfo) {
  struct library *library;
  const struct token_mechanism *mechanisms;
  CK_ULONG known;
  CK_RV rv = slot_begin(&library, slotID);
  if (rv != CKR_OK) return rv;
  if (pInfo == NULL) return slot_end(CKR_ARGUMENTS_BAD);
  rv = token_get_mechanisms(library, &mechanisms, &known);
  if (rv != CKR_OK) return slot_end(rv);
  for (CK_ULONG i = 0; i < known; i++) {
    if (mechanisms[i].type != type) continue;
    *pInfo = mechanisms[i].info;
    return slot_end(CKR_OK);
  }
  return slot_end(CKR_MECHANISM_INVALID);
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *pSlot, void *pReserved) {
  struct library *library;
  CK_RV rv = slot_begin(&library, SLOT);
  if (rv != CKR_OK) return rv;
  if (pSlot == NULL || pReserved != NULL) return slot_end(CKR_ARGUMENTS_BAD);
  /* The one token is always there as far as the slot goes. */
  return slot_end((flags & CKF_DONT_BLOCK) != 0 ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED);
}
