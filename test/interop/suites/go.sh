# The tests of Go's crypto11 and miekg/pkcs11, from Debian's packages.
# Debian 12.

EXPECTED='
crypto11 TestHardDSA: DSA is not offered
crypto11 TestCertificateAttributes: wants a serial number that is not the one in the certificate
crypto11 TestHmac: asks for a mechanism of nCipher first, and takes CKR_MECHANISM_INVALID for the end
crypto11 TestHmac/HMACSHA1: the same
crypto11 TestHmac/HMACSHA1General: the same
crypto11 TestHmac/HMACSHA256: the same
miekg TestGetInfo: wants the manufacturer SoftHSM
miekg TestOAEPParams: encrypts with a key that was made for signatures
'
apt-get install -y --no-install-recommends golang-go gcc libc6-dev opensc golang-github-thalesignite-crypto11-dev golang-github-miekg-pkcs11-dev \
  golang-github-stretchr-testify-dev golang-github-pkg-errors-dev golang-github-thales-e-security-pool-dev
export GO111MODULE=off GOPATH=/srv/hsm/go:/usr/share/gocode GOCACHE=/srv/hsm/gocache
packages=go/src/github.com
mkdir -p $packages/ThalesIgnite $packages/miekg
cp -r /usr/share/gocode/src/github.com/ThalesIgnite/crypto11 $packages/ThalesIgnite/
cp -r /usr/share/gocode/src/github.com/miekg/pkcs11 $packages/miekg/
results() { sed -n "s/^ *--- PASS: \([^ ]*\).*/passed $1 \1/p; s/^ *--- FAIL: \([^ ]*\).*/failed $1 \1/p; s/^ *--- SKIP: \([^ ]*\).*/skipped $1 \1/p"; }

# P-224 is not offered: the other curves are to be tested nevertheless.
sed -i '/^	elliptic.P224(),$/d' $packages/ThalesIgnite/crypto11/ecdsa_test.go
printf '{"Path":"%s","TokenLabel":"Cryptech Token","Pin":"%s","MaxSessions":20}' "$MODULE" "$PIN" > $packages/ThalesIgnite/crypto11/config
(cd $packages/ThalesIgnite/crypto11 && go test -count=1 -v .) > crypto11.log 2>&1 || true

# The example has a PIN and a public exponent of 3 written into it.
sed -i "s/\"1234\"/\"$PIN\"/; s/\[\]byte{3}/[]byte{1, 0, 1}/" $packages/miekg/pkcs11/pkcs11_test.go
pkcs11-tool --module "$MODULE" --login --pin env:PIN --keypairgen --key-type rsa:2048 --id 01 --label miekg --usage-sign
export SOFTHSM_LIB=$MODULE SOFTHSM_TOKENLABEL='Cryptech Token' SOFTHSM_PRIVKEYLABEL=miekg SOFTHSM_PIN=$PIN
(cd $packages/miekg/pkcs11 && go test -count=1 -v .) > miekg.log 2>&1 || true
(results crypto11 < crypto11.log; results miekg < miekg.log) | judge go
