# stunnel, OpenSSL engine: new TLS connections, TLS 1.3 and TLS 1.2.
# Debian 12.

install() { apt-get install -y --no-install-recommends stunnel4 libengine-pkcs11-openssl openssl opensc; }

start() {
  pkcs11-tool --module $MODULE --login --pin env:PIN --keypairgen --key-type rsa:2048 --id 01 --label tunnel --usage-sign
  (umask 077; printf %s "$PIN" > pin)
  printf '[req]\ndistinguished_name=dn\n[dn]\n' > req.cnf
  PKCS11_MODULE_PATH=$MODULE openssl req -config req.cnf -new -x509 -engine pkcs11 -keyform engine \
    -key "$URI;object=tunnel;type=private?pin-source=file:/srv/hsm/pin" -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 30 -out tunnel.crt
  (umask 077; : > stunnel.conf) && chown root:stunnel4 stunnel.conf && chmod 640 stunnel.conf
  cat > stunnel.conf <<END
foreground = yes
setuid = stunnel4
setgid = stunnel4
pid =
engine = pkcs11
engineCtrl = MODULE_PATH:$MODULE
engineCtrl = PIN:$PIN
[echo]
accept = 127.0.0.1:25447
exec = /bin/cat
execArgs = cat
engineId = pkcs11
key = $URI;object=tunnel;type=private
cert = /srv/hsm/tunnel.crt
END
  stunnel stunnel.conf 2> stunnel.log & STUNNEL=$!
  until sign; do sleep 0.2; done
}

# New connections without a session to resume; the client verifies the server's signature, and the service behind answers.
visit() {
  local word
  word=$(date +%s%N)
  : > answer
  timeout 9 bash -c "echo $word; until grep -q $word answer; do sleep 0.05; done" |
    timeout 9 openssl s_client -connect 127.0.0.1:25447 -CAfile tunnel.crt -quiet -no_ign_eof -verify_return_error -no_ticket "$@" > answer 2> visit.log || true
  grep $word answer
}

sign() {
  visit -tls1_3
  visit -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
}

reload() {
  local before
  before=$(grep -c 'Configuration successful' stunnel.log)
  kill -HUP $STUNNEL
  timeout 10 bash -c "until [ \$(grep -c 'Configuration successful' stunnel.log) -gt $before ]; do sleep 0.1; done"
}

consumer() { echo $STUNNEL; }
