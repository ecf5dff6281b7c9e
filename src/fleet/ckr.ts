/** The few return values of PKCS#11 (3.1, 5.1) that the appliance gives before a device is asked, and attributes that routing depends on. */

export const CKR = {
  FUNCTION_NOT_SUPPORTED: 0x054,
  KEY_FUNCTION_NOT_PERMITTED: 0x068,
  USER_NOT_LOGGED_IN: 0x101,
} as const;

export const CKA = {
  ALWAYS_AUTHENTICATE: 0x202,
  /** Ours: how often a key was used. */
  USE_COUNT: 0x8d4b_5001,
  /** Ours: after how many uses a key ends. */
  USE_LIMIT: 0x8d4b_5002,
} as const;
