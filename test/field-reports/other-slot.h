/*
 * Slot numbers of a remoting layer are its own. The function list that programs use maps slot 0, which the tests know,
 * to the first slot there is.
 */
#ifndef DKS_TEST_OTHER_SLOT_H
#define DKS_TEST_OTHER_SLOT_H

static CK_FUNCTION_LIST *direct, mapped;

static inline CK_SLOT_ID other_slot(CK_SLOT_ID slot) {
  CK_SLOT_ID first;
  CK_ULONG count = 1;
  return slot == 0 && direct->C_GetSlotList(CK_TRUE, &first, &count) == CKR_OK && count == 1 ? first : slot;
}

static CK_RV map_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count) {
  CK_RV rv = direct->C_GetSlotList(present, slots, count);
  if (rv == CKR_OK && slots != NULL && *count > 0) slots[0] = 0;
  return rv;
}
static CK_RV map_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info) {
  return direct->C_GetSlotInfo(other_slot(slot), info);
}
static CK_RV map_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
  return direct->C_GetTokenInfo(other_slot(slot), info);
}
static CK_RV map_mechanisms(CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *count) {
  return direct->C_GetMechanismList(other_slot(slot), types, count);
}
static CK_RV map_mechanism(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info) {
  return direct->C_GetMechanismInfo(other_slot(slot), type, info);
}
static CK_RV map_open(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                      CK_SESSION_HANDLE *session) {
  return direct->C_OpenSession(other_slot(slot), flags, application, notify, session);
}

static inline void map_slots(void) {
  direct = p11;
  mapped = *p11;
  mapped.C_GetSlotList = map_slot_list;
  mapped.C_GetSlotInfo = map_slot_info;
  mapped.C_GetTokenInfo = map_token_info;
  mapped.C_GetMechanismList = map_mechanisms;
  mapped.C_GetMechanismInfo = map_mechanism;
  mapped.C_OpenSession = map_open;
  p11 = &mapped;
}

#endif
