# What the scripts for named have in common: two zones, RSA with inline signing and ECDSA without.

ZONES='rsa.fire ec.fire'

write_zones() {
  local zone
  mkdir -p named/zones named/keys named/run
  for zone in $ZONES; do
    printf '%s\n' '$TTL 5' '@ IN SOA dns1 hostmaster 1 60 60 3600 5' '@ IN NS dns1' 'dns1 IN A 127.0.0.1' > named/zones/$zone
  done
}

# The beginning of named.conf; keys and zones follow.
write_options() {
  rndc-confgen -a -c /srv/hsm/rndc.key -u bind
  cat > named.conf <<'END'
include "/srv/hsm/rndc.key";
controls { inet 127.0.0.1 port 953 allow { localhost; } keys { "rndc-key"; }; };
options {
  directory "/srv/hsm/named/zones"; pid-file "/srv/hsm/named/run/named.pid"; session-keyfile "/srv/hsm/named/run/session.key"; key-directory "/srv/hsm/named/keys";
  listen-on port 25353 { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no;
};
END
}

# Until both zones are signed; the keys that they begin with are the anchors of delv.
await_zones() {
  local zone
  for zone in $ZONES; do
    until dig @127.0.0.1 -p 25353 $zone DNSKEY +dnssec +tries=1 +time=1 | grep -q RRSIG; do sleep 0.2; done
    dig @127.0.0.1 -p 25353 $zone DNSKEY +noall +answer | awk '$5 == 257 {
      printf "trust-anchors { \"%s\" static-key %s %s %s \"", $1, $5, $6, $7; for (i = 8; i <= NF; i++) printf "%s", $i; print "\"; };" }' > $zone.anchor
  done
}

# Each zone gets a record that it never had; delv follows the signatures from its anchor.
sign() {
  local now zone
  now=$(date +%s%N)
  for zone in $ZONES; do
    printf 'server 127.0.0.1 25353\nzone %s\nupdate delete now.%s TXT\nupdate add now.%s 5 TXT %s\nsend\n' $zone $zone $zone $now | timeout 12 nsupdate -v
  done
  for zone in $ZONES; do
    timeout 8 bash -c "until delv @127.0.0.1 -p 25353 -a $zone.anchor +root=$zone now.$zone TXT 2>&1 | tee $zone.answer | grep -q $now; do sleep 0.1; done"
    grep 'fully validated' $zone.answer
  done
  if grep -L '^Label:' named/keys/*.private | grep .; then false; fi    # a key without a label is on the disk
}

reload() { rndc -k /srv/hsm/rndc.key -s 127.0.0.1 reload; }

consumer() { echo $NAMED; }
