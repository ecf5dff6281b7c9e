# ods-signerd signs a changed zone, ods-enforcerd reads a public key.
# Debian 12.

ZONE=example.com
SIGNED=/var/lib/opendnssec/signed/$ZONE

install() {
  apt-get install -y --no-install-recommends opendnssec opendnssec-common opendnssec-enforcer-sqlite3 opendnssec-signer \
    ldnsutils bind9-utils sqlite3
  rm -f /etc/opendnssec/prevent-startup
}

# $1: what is new in the zone.
write_zone() {
  cat > /var/lib/opendnssec/unsigned/$ZONE <<END
\$TTL 3600
\$ORIGIN $ZONE.
@    IN SOA dns1 hostmaster 1 21600 3600 604800 3600
@    IN NS  dns1
dns1 IN A   192.0.2.1
fire IN TXT $1
END
}

start() {
  cd /etc/opendnssec
  cat > conf.xml <<END
<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <RepositoryList>
    <Repository name="Cryptech">
      <Module>$MODULE</Module>
      <TokenLabel>Cryptech Token</TokenLabel>
      <PIN>$PIN</PIN>
    </Repository>
  </RepositoryList>
  <Common>
    <Logging><Syslog><Facility>local0</Facility></Syslog></Logging>
    <PolicyFile>/etc/opendnssec/kasp.xml</PolicyFile>
    <ZoneListFile>/etc/opendnssec/zonelist.xml</ZoneListFile>
  </Common>
  <Enforcer>
    <Privileges><User>opendnssec</User><Group>opendnssec</Group></Privileges>
    <Datastore><SQLite>/var/lib/opendnssec/db/kasp.db</SQLite></Datastore>
    <AutomaticKeyGenerationPeriod>PT12H</AutomaticKeyGenerationPeriod>
  </Enforcer>
  <Signer>
    <Privileges><User>opendnssec</User><Group>opendnssec</Group></Privileges>
    <WorkingDirectory>/var/lib/opendnssec/signer</WorkingDirectory>
    <WorkerThreads>4</WorkerThreads>
  </Signer>
</Configuration>
END
  sed -i -e 's|<Repository>SoftHSM</Repository>|<Repository>Cryptech</Repository>|' \
    -e 's|<Algorithm length="[0-9]*">[0-9]*</Algorithm>|<Algorithm length="256">13</Algorithm>|' kasp.xml
  cat > zonelist.xml <<END
<?xml version="1.0" encoding="UTF-8"?>
<ZoneList>
  <Zone name="$ZONE">
    <Policy>lab</Policy>
    <SignerConfiguration>/var/lib/opendnssec/signconf/$ZONE.xml</SignerConfiguration>
    <Adapters>
      <Input><Adapter type="File">/var/lib/opendnssec/unsigned/$ZONE</Adapter></Input>
      <Output><Adapter type="File">$SIGNED</Adapter></Output>
    </Adapters>
  </Zone>
</ZoneList>
END
  cd /srv/hsm
  chown root:opendnssec /etc/opendnssec/conf.xml && chmod 640 /etc/opendnssec/conf.xml
  write_zone start
  mkdir -p /run/opendnssec /var/lib/opendnssec/db
  ods-enforcer-db-setup -f
  chown -R opendnssec:opendnssec /var/lib/opendnssec /run/opendnssec
  ods-enforcerd -d > enforcer.log 2>&1 & ENFORCER=$!
  ods-signerd -d > signer.log 2>&1 & SIGNER=$!
  until [ -S /run/opendnssec/enforcer.sock ] && [ -S /run/opendnssec/engine.sock ]; do sleep 0.1; done
  ods-enforcer policy import
  ods-enforcer zonelist import
  until grep -q 'RRSIG.DNSKEY' $SIGNED 2> /dev/null && grep -q 'RRSIG.SOA' $SIGNED; do
    sleep 1
    touch /var/lib/opendnssec/signconf/$ZONE.xml && ods-signer update $ZONE || true
  done
  sign
}

sign() {
  local nonce=$(date +%s%N)
  write_zone $nonce
  ods-signer sign $ZONE
  timeout 15 bash -c "until grep -q 'TXT.*$nonce' $SIGNED; do sleep 0.1; done"
  ldns-verify-zone $SIGNED
  dnssec-verify -o $ZONE $SIGNED
  timeout 20 ods-enforcer key export --zone $ZONE --keytype KSK --keystate publish > ksk
  KSK=$(awk '$4 == "DNSKEY" { print $8 }' ksk)
  [ -n "$KSK" ] && grep -qF "$KSK" $SIGNED
}

reload() {
  ods-signer reload
}

consumer() { kill -0 $ENFORCER && echo $SIGNER; }
