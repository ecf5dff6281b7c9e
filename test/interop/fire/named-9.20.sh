# BIND 9.20, pkcs11-provider: dynamic updates of two zones whose keys named has made, RSA with inline signing and ECDSA without.
# Debian 13.

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
  mkdir -p named/zones named/keys named/run
  rndc-confgen -a -c /srv/hsm/rndc.key -u bind
  cat > named.conf <<'END'
include "/srv/hsm/rndc.key";
controls { inet 127.0.0.1 port 953 allow { localhost; } keys { "rndc-key"; }; };
options {
  directory "/srv/hsm/named/zones"; pid-file "/srv/hsm/named/run/named.pid"; session-keyfile "/srv/hsm/named/run/session.key"; key-directory "/srv/hsm/named/keys";
  listen-on port 25353 { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no;
};
key-store "hsm" { directory "/srv/hsm/named/keys"; pkcs11-uri "pkcs11:token=Cryptech%20Token"; };
dnssec-policy "rsa" { keys { ksk key-store "hsm" lifetime unlimited algorithm rsasha256 2048; zsk key-store "hsm" lifetime unlimited algorithm rsasha256 2048; }; };
dnssec-policy "ec" { keys { ksk key-store "hsm" lifetime unlimited algorithm 13; zsk key-store "hsm" lifetime unlimited algorithm 13; }; };
zone "rsa.fire" { type primary; file "rsa.fire"; dnssec-policy "rsa"; inline-signing yes; allow-update { any; }; checkds no; };
zone "ec.fire" { type primary; file "ec.fire"; dnssec-policy "ec"; inline-signing no; allow-update { any; }; checkds no; };
END
  for zone in rsa.fire ec.fire; do
    printf '%s\n' '$TTL 5' '@ IN SOA dns1 hostmaster 1 60 60 3600 5' '@ IN NS dns1' 'dns1 IN A 127.0.0.1' > named/zones/$zone
  done
  chown -R bind:bind named
  OPENSSL_CONF=/srv/hsm/provider.cnf named -u bind -c /srv/hsm/named.conf -g 2> named.log & NAMED=$!
  for zone in rsa.fire ec.fire; do
    until dig @127.0.0.1 -p 25353 $zone DNSKEY +dnssec +tries=1 +time=1 | grep -q RRSIG; do sleep 0.2; done
    dig @127.0.0.1 -p 25353 $zone DNSKEY +noall +answer | awk '$5 == 257 {
      printf "trust-anchors { \"%s\" static-key %s %s %s \"", $1, $5, $6, $7; for (i = 8; i <= NF; i++) printf "%s", $i; print "\"; };" }' > $zone.anchor
  done
  sign
}

# Each zone gets a record that it never had; delv follows the signatures from the key that the zone began with.
sign() {
  local now zone
  now=$(date +%s%N)
  for zone in rsa.fire ec.fire; do
    printf 'server 127.0.0.1 25353\nzone %s\nupdate delete now.%s TXT\nupdate add now.%s 5 TXT %s\nsend\n' $zone $zone $zone $now | timeout 12 nsupdate -v
  done
  for zone in rsa.fire ec.fire; do
    timeout 8 bash -c "until delv @127.0.0.1 -p 25353 -a $zone.anchor +root=$zone now.$zone TXT 2>&1 | tee $zone.answer | grep -q $now; do sleep 0.1; done"
    grep 'fully validated' $zone.answer
  done
}

reload() { rndc -k /srv/hsm/rndc.key -s 127.0.0.1 reload; }

consumer() { echo $NAMED; }
