# knotd takes dynamic updates, and renews the signatures of a zone every 13 seconds.
# Debian 12 and 13.

ZONE=update.example
SHORT=renew.example
SERVER='@127.0.0.1 -p 25354'

install() {
  apt-get install -y --no-install-recommends knot knot-dnssecutils bind9-utils bind9-dnsutils ldnsutils
}

start() {
  mkdir zones run db
  cat > knot.conf <<END
server:
    rundir: "/srv/hsm/run"
    user: knot:knot
    listen: 127.0.0.1@25354
log:
  - target: stderr
    any: info
database:
    storage: "/srv/hsm/db"
keystore:
  - id: hsm
    backend: pkcs11
    config: "$URI;pin-value=$PIN $MODULE"
policy:
  - id: ec
    keystore: hsm
    algorithm: ECDSAP256SHA256
  - id: short
    keystore: hsm
    algorithm: ECDSAP256SHA256
    single-type-signing: on
    rrsig-lifetime: 25s
    rrsig-refresh: 12s
    rrsig-pre-refresh: 1s
    dnskey-ttl: 2s
    zone-max-ttl: 2s
    propagation-delay: 1s
acl:
  - id: local
    address: 127.0.0.1
    action: [transfer, update]
template:
  - id: default
    storage: "/srv/hsm/zones"
    file: "%s.zone"
    dnssec-signing: on
    acl: local
zone:
  - domain: $ZONE
    dnssec-policy: ec
  - domain: $SHORT
    dnssec-policy: short
END
  cat > zones/$ZONE.zone <<'END'
$TTL 3600
@    IN SOA dns1 hostmaster 1 21600 3600 604800 3600
@    IN NS  dns1
dns1 IN A   127.0.0.1
END
  sed s/3600/2/g zones/$ZONE.zone > zones/$SHORT.zone
  chown -R knot:knot zones run db && chown root:knot knot.conf && chmod 640 knot.conf
  knotd -c knot.conf 2> knotd.log & KNOTD=$!
  until [ "$(dig $SERVER $ZONE DNSKEY +short | wc -l)" = 2 ] && dig $SERVER $SHORT SOA +dnssec | grep -q RRSIG; do sleep 0.2; done
  sign
}

sign() {
  local nonce=$(date +%s%N)
  timeout 20 nsupdate <<END
server 127.0.0.1 25354
zone $ZONE
update delete fire.$ZONE TXT
update add fire.$ZONE 300 TXT $nonce
send
END
  dig $SERVER $ZONE axfr +noall +answer > zone.axfr
  grep "TXT.*$nonce" zone.axfr
  dnssec-verify -o $ZONE zone.axfr
  ldns-verify-zone zone.axfr
  dig $SERVER $SHORT axfr +noall +answer > short.axfr
  dnssec-verify -z -o $SHORT short.axfr
}

reload() { knotc -c knot.conf -s run/knot.sock reload; }

consumer() { echo $KNOTD; }
