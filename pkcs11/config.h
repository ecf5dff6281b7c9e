/* hsm.conf: where the appliance is. */
#ifndef DKS_CONFIG_H
#define DKS_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct config {
  char path[PATH_MAX];
  /* IPv4 or IPv6 address, or a host name. */
  char host[256];
  char port[8];
  /* The server name in the TLS handshake. */
  char servername[256];
  /* SHA-256 of the appliance's SubjectPublicKeyInfo that hsm.conf demands. */
  bool has_fingerprint;
  uint8_t fingerprint[32];
  /* The key that was accepted without being remembered in a file: it must at least stay the same. */
  bool has_accepted;
  uint8_t accepted[32];
  /* The address that answered last; none yet if the length is 0. */
  struct sockaddr_storage address;
  socklen_t address_length;
};

/* Reads section rpc of $DIAMOND_HSM_CONFIG_PATH/hsm.conf or /etc/dkey/hsm/hsm.conf; false after a message. */
bool config_read(struct config *config);
/* 64 hex digits, colons tolerated. */
bool config_parse_fingerprint(const char *text, uint8_t fingerprint[32]);

#endif
