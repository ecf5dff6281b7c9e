/*
 * Messages for the operator: one line each, each kind at most once per minute, never a secret.
 * DKS_PKCS11_LOG: `stderr` (default), `none`, or the name of a file.
 */
#ifndef DKS_LOG_H
#define DKS_LOG_H

enum log_kind {
  LOG_CONFIG,
  LOG_CONNECT,
  LOG_TRUST,
  LOG_FIRST_USE,
  LOG_LOST,
  LOG_PROTOCOL,
  LOG_TIMEOUT,
  LOG_LOCKED,
  LOG_NO_MASTER_KEY,
  LOG_TAMPER,
  LOG_NO_DEVICE,
  LOG_DEVICE,
  LOG_FULL,
  LOG_RELOGIN,
  LOG_MEMORY,
  LOG_KINDS
};

/* Reads DKS_PKCS11_LOG. Called by C_Initialize. */
void log_open(void);
void log_message(enum log_kind kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
