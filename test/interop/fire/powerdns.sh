# PowerDNS: answers signed as they are asked for.
# Debian 12 and 13.

install() {
  apt-get install -y --no-install-recommends pdns-server pdns-tools pdns-backend-sqlite3 sqlite3 p11-kit opensc bind9-dnsutils
}

start() {
  local half
  mkdir -p /etc/pkcs11/modules
  echo "module: $MODULE" > /etc/pkcs11/modules/diamond.module
  for half in ksk zsk; do
    pkcs11-tool --module $MODULE --login --pin env:PIN --keypairgen --key-type EC:prime256v1 --label ex-$half --id $(printf $half | od -An -tx1 | tr -d ' ') --usage-sign
  done
  sqlite3 pdns.db < /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql
  cat > pdns.conf <<END
launch=gsqlite3
gsqlite3-database=/srv/hsm/pdns.db
gsqlite3-dnssec=yes
local-address=127.0.0.1
local-port=25355
socket-dir=/srv/hsm/run
dnsupdate=yes
allow-dnsupdate-from=127.0.0.1
setuid=pdns
setgid=pdns
END
  mkdir -p run && chown -R pdns:pdns run pdns.db /srv/hsm && chmod 640 pdns.conf
  u() { pdnsutil --config-dir=/srv/hsm "$@"; }
  u create-zone example.net ns.example.net
  u add-record example.net ns A 127.0.0.1
  for half in ksk zsk; do u hsm assign example.net ecdsa256 $half diamond "Cryptech Token" "$PIN" ex-$half; done
  u rectify-all-zones
  pdns_server --config-dir=/srv/hsm --daemon=no --guardian=no 2> pdns.log & PDNS=$!
  until dig @127.0.0.1 -p 25355 example.net DNSKEY +dnssec +tries=1 +time=1 | grep -q RRSIG; do sleep 0.2; done
  dig @127.0.0.1 -p 25355 example.net DNSKEY +noall +answer | awk '$5 == 257 {
    printf "trust-anchors { \"%s\" static-key %s %s %s \"", $1, $5, $6, $7; for (i = 8; i <= NF; i++) printf "%s", $i; print "\"; };" }' > anchor
  sign
}

# A record that the zone never had, so its signature is in no cache; delv follows the signatures from the key that the zone began with.
sign() {
  local now
  now=$(date +%s%N)
  printf 'server 127.0.0.1 25355\nzone example.net\nupdate delete now.example.net TXT\nupdate add now.example.net 5 TXT %s\nsend\n' $now | timeout 10 nsupdate
  timeout 10 delv @127.0.0.1 -p 25355 -a anchor +root=example.net now.example.net TXT > answer 2>&1
  grep 'fully validated' answer
  grep $now answer
}

reload() { pdns_control --config-dir=/srv/hsm --socket-dir=/srv/hsm/run rediscover; }

consumer() { echo $PDNS; }
