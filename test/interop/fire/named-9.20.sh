# BIND 9.20, pkcs11-provider: dynamic updates of two zones whose keys named has made, RSA with inline signing and ECDSA without.
# Debian 13.

. shared/named.sh

install() {
  apt-get install -y --no-install-recommends bind9 bind9-utils bind9-dnsutils pkcs11-provider openssl
}

start() {
  printf %s "$PIN" > pin && chown root:bind pin && chmod 640 pin
  cat > provider.cnf <<END
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
[provider_sect]
default = default_sect
pkcs11 = pkcs11_sect
[default_sect]
activate = 1
[pkcs11_sect]
module = $(echo /usr/lib/*/ossl-modules/pkcs11.so)
pkcs11-module-path = $MODULE
pkcs11-module-token-pin = file:/srv/hsm/pin
pkcs11-module-load-behavior = early
pkcs11-module-cache-keys = false
activate = 1
END
  write_zones
  write_options
  cat >> named.conf <<'END'
key-store "hsm" { directory "/srv/hsm/named/keys"; pkcs11-uri "pkcs11:token=Cryptech%20Token"; };
dnssec-policy "rsa" { keys { ksk key-store "hsm" lifetime unlimited algorithm rsasha256 2048; zsk key-store "hsm" lifetime unlimited algorithm rsasha256 2048; }; };
dnssec-policy "ec" { keys { ksk key-store "hsm" lifetime unlimited algorithm 13; zsk key-store "hsm" lifetime unlimited algorithm 13; }; };
zone "rsa.fire" { type primary; file "rsa.fire"; dnssec-policy "rsa"; inline-signing yes; allow-update { any; }; checkds no; };
zone "ec.fire" { type primary; file "ec.fire"; dnssec-policy "ec"; inline-signing no; allow-update { any; }; checkds no; };
END
  chown -R bind:bind named
  OPENSSL_CONF=/srv/hsm/provider.cnf named -u bind -c /srv/hsm/named.conf -g 2> named.log & NAMED=$!
  await_zones
  sign
}
