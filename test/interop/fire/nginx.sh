# nginx, OpenSSL engine: new TLS connections, TLS 1.3 with an EC key and TLS 1.2 with an RSA key.
# Debian 12.

install() { apt-get install -y --no-install-recommends nginx-light libengine-pkcs11-openssl openssl opensc; }

start() {
  local key
  p() { pkcs11-tool --module $MODULE --login --pin env:PIN "$@"; }
  p --keypairgen --key-type rsa:2048 --id 01 --label web-rsa --usage-sign
  p --keypairgen --key-type EC:prime256v1 --id 02 --label web-ec --usage-sign
  (umask 077; printf %s "$PIN" > pin) && chown root:www-data pin && chmod 640 pin
  printf '[req]\ndistinguished_name=dn\n[dn]\n' > req.cnf
  export PKCS11_MODULE_PATH=$MODULE
  for key in web-rsa web-ec; do
    openssl req -config req.cnf -new -x509 -engine pkcs11 -keyform engine -key "$URI;object=$key;type=private?pin-source=file:/srv/hsm/pin" \
      -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 30 -out $key.crt
  done
  # With `reuseport` each worker gets a share of the connections.
  cat > nginx.conf <<END
daemon off; worker_processes 2; user www-data; pid /srv/hsm/nginx.pid; error_log /srv/hsm/error.log;
env PKCS11_MODULE_PATH;
ssl_engine pkcs11;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:25445 ssl reuseport; server_name localhost; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate /srv/hsm/web-rsa.crt;
    ssl_certificate_key "engine:pkcs11:$URI;object=web-rsa;type=private?pin-source=file:/srv/hsm/pin";
    ssl_certificate /srv/hsm/web-ec.crt;
    ssl_certificate_key "engine:pkcs11:$URI;object=web-ec;type=private?pin-source=file:/srv/hsm/pin";
    location / { return 200 "hello\n"; }
  }
}
END
  nginx -p /srv/hsm -c /srv/hsm/nginx.conf & NGINX=$!
  until sign; do sleep 0.2; done
}

# New connections without a session to resume; the client verifies the server's signature.
visit() {
  timeout 9 openssl s_client -connect 127.0.0.1:25445 -verify_return_error -verify_hostname localhost -no_ticket "$@" < /dev/null > visit.log 2>&1
  grep 'Verify return code: 0' visit.log
}

sign() {
  visit -tls1_3 -sigalgs ecdsa_secp256r1_sha256 -CAfile web-ec.crt
  visit -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 -CAfile web-rsa.crt
}

reload() { nginx -p /srv/hsm -c /srv/hsm/nginx.conf -s reload; }

consumer() { echo $NGINX; }
